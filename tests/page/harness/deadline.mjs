// The one deadline of these tests: each wait is for a condition, and ends with an error when it is not met by then. It is
// long, because the machine may be busy; a test that passes does not wait for it.

export const DEADLINE_MS = 60_000;
