//! A step, as it is drawn and as it is compared with others.
//!
//! What a step reads and writes decides whether its order with another makes a difference; what it locks, sends and receives
//! is drawn.

/// What an actor does in one step.
///
/// Two steps are *independent* if neither touches what the other writes: then their order makes no difference, and only
/// one of the two orders has to be tried. A step of which nothing is said depends on all others. What is said must be
/// true, and complete: [`Search::check_independence`](super::Search::check_independence) tries it.
///
/// ```
/// use roomd_race::Step;
///
/// let put = Step::new("puts 3").writes("queue");
/// assert!(!put.is_independent_of(&Step::new("looks").reads("queue")));
/// assert!(put.is_independent_of(&Step::new("looks").reads("log")));
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Step {
    text: String,
    section: Option<String>,
    to: Option<char>,
    from: Option<char>,
    reads: Vec<String>,
    writes: Vec<String>,
}

impl Step {
    /// A step that is described so.
    #[must_use]
    pub fn new(text: impl Into<String>) -> Self {
        Self { text: text.into(), ..Self::default() }
    }

    /// It reads this object.
    #[must_use]
    pub fn reads(mut self, object: impl Into<String>) -> Self {
        self.reads.push(object.into());
        self
    }

    /// It writes this object, or reads and writes it.
    #[must_use]
    pub fn writes(mut self, object: impl Into<String>) -> Self {
        self.writes.push(object.into());
        self
    }

    /// It is one critical section, under the lock of this object, which it writes. Drawn as a box.
    #[must_use]
    pub fn locks(mut self, object: impl Into<String>) -> Self {
        let object = object.into();
        self.section = Some(object.clone());
        self.writes(object)
    }

    /// It sends something to this actor. Drawn as an arrow.
    #[must_use]
    pub fn sends_to(self, actor: char) -> Self {
        Self { to: Some(actor), ..self }
    }

    /// It receives something from this actor. Drawn as an arrow.
    #[must_use]
    pub fn receives_from(self, actor: char) -> Self {
        Self { from: Some(actor), ..self }
    }

    /// What it does, in words.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The object whose lock it holds.
    #[must_use]
    pub fn section(&self) -> Option<&str> {
        self.section.as_deref()
    }

    /// To whom it sends.
    #[must_use]
    pub fn to(&self) -> Option<char> {
        self.to
    }

    /// From whom it receives.
    #[must_use]
    pub fn from(&self) -> Option<char> {
        self.from
    }

    /// Whether the order of this step and another actor's makes no difference.
    #[must_use]
    pub fn is_independent_of(&self, other: &Self) -> bool {
        let is_known = |step: &Self| !step.reads.is_empty() || !step.writes.is_empty();
        let is_disturbed = |step: &Self, by: &Self| {
            by.writes.iter().any(|object| step.reads.contains(object) || step.writes.contains(object))
        };
        is_known(self) && is_known(other) && !is_disturbed(self, other) && !is_disturbed(other, self)
    }
}
