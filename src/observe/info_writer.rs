//! The text of INFO: sections of `name:value` lines that end in CR LF, with an empty line between two sections.

use std::fmt::{Display, Write};

/// Writes sections and fields.
#[derive(Debug, Default)]
pub struct InfoWriter {
    text: String,
}

impl InfoWriter {
    /// Begins a section.
    pub fn section(&mut self, title: &str) {
        if !self.text.is_empty() {
            self.text.push_str("\r\n");
        }
        self.put(format_args!("# {title}\r\n"));
    }

    /// A field of the current section.
    pub fn field(&mut self, name: &str, value: impl Display) {
        self.put(format_args!("{name}:{value}\r\n"));
    }

    /// Fields in their order.
    pub fn fields(&mut self, fields: &[(&str, &dyn Display)]) {
        fields.iter().for_each(|(name, value)| self.field(name, value));
    }

    /// A ratio or rate with two digits behind the point.
    pub fn ratio(&mut self, name: &str, value: f64) {
        self.put(format_args!("{name}:{value:.2}\r\n"));
    }

    /// A number of bytes, and once more under `<name>_human` as people read it.
    pub fn bytes(&mut self, name: &str, bytes: u64) {
        self.put(format_args!("{name}:{bytes}\r\n{name}_human:{}\r\n", human_bytes(bytes)));
    }

    /// The text written.
    pub fn into_text(self) -> String {
        self.text
    }

    fn put(&mut self, arguments: std::fmt::Arguments<'_>) {
        // Writing to a string cannot fail.
        let _ = self.text.write_fmt(arguments);
    }
}

/// A number of bytes in the largest unit below it: `512B`, `1.50K`, `2.00G`.
pub fn human_bytes(bytes: u64) -> String {
    const UNITS: [char; 5] = ['K', 'M', 'G', 'T', 'P'];
    let mut size = bytes as f64;
    let mut unit = None;
    for next in UNITS {
        if size < 1024.0 {
            break;
        }
        size /= 1024.0;
        unit = Some(next);
    }
    match unit {
        None => format!("{bytes}B"),
        Some(unit) => format!("{size:.2}{unit}"),
    }
}

/// A name with what would break a line of INFO replaced.
pub fn safe_name(name: &str) -> String {
    name.replace(['#', ':', '\n', '\r'], "_")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sections_are_set_apart_by_an_empty_line() {
        let mut out = InfoWriter::default();
        out.section("One");
        out.field("a", 1);
        out.section("Two");
        out.bytes("b", 1536);
        out.ratio("c", 0.125);
        assert_eq!(out.into_text(), "# One\r\na:1\r\n\r\n# Two\r\nb:1536\r\nb_human:1.50K\r\nc:0.12\r\n");
    }

    #[test]
    fn bytes_are_shown_in_the_largest_unit() {
        let shown = [0, 1023, 1024, 1_048_575, 1 << 20, 5 << 30, 1 << 40].map(human_bytes);
        assert_eq!(shown, ["0B", "1023B", "1.00K", "1024.00K", "1.00M", "5.00G", "1.00T"]);
    }
}
