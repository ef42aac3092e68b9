//! Figures as people read them, in reports and in a terminal.
//!
//! They are rounded: for values that are read back see `value.rs`.

/// A count with a space between each three digits.
#[must_use]
pub fn grouped(value: f64) -> String {
    let digits = format!("{value:.0}");
    let mut text = String::new();
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i) % 3 == 0 {
            text.push(' ');
        }
        text.push(digit);
    }
    text
}

/// Bytes in the greatest unit of which there is at least one.
#[must_use]
pub fn sized(bytes: f64) -> String {
    let units = [("GiB", 1024.0 * 1024.0 * 1024.0), ("MiB", 1024.0 * 1024.0), ("KiB", 1024.0)];
    match units.iter().find(|(_, size)| bytes >= *size) {
        Some((unit, size)) => format!("{:.1} {unit}", bytes / size),
        None => format!("{bytes:.0} B"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_for_people() {
        assert_eq!(["1", "1 000", "12 345 678"], [1.0, 1000.0, 12_345_678.0].map(grouped).each_ref().map(|s| &**s));
        assert_eq!(sized(100.0), "100 B");
        assert_eq!(sized(1536.0 * 1024.0), "1.5 MiB");
    }
}
