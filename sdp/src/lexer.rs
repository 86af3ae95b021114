//! Splits a description into lines.

use crate::error::{Limits, ParseError, Rule};

/// One line: its letter and what stands behind the `=`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Line<'a> {
    pub(crate) number: u32,
    pub(crate) kind: u8,
    pub(crate) value: &'a str,
}

impl Line<'_> {
    pub(crate) fn error(&self, rule: Rule) -> ParseError {
        ParseError { line: self.number, rule }
    }
}

/// The lines of a description. CRLF and LF end a line (RFC 8866, Section 5: parsers should accept LF); empty lines
/// at the end are passed over.
#[derive(Debug)]
pub(crate) struct Lines<'a, 'l> {
    rest: &'a str,
    limits: &'l Limits,
    number: u32,
}

impl<'a, 'l> Lines<'a, 'l> {
    pub(crate) fn new(text: &'a str, limits: &'l Limits) -> Self {
        Self { rest: text.trim_end_matches(['\r', '\n']), limits, number: 0 }
    }

    /// Where an error at the end stands.
    pub(crate) fn end(&self, rule: Rule) -> ParseError {
        ParseError { line: self.number + 1, rule }
    }

    fn split(&self, line: &'a str) -> Result<Line<'a>, ParseError> {
        let error = |rule| ParseError { line: self.number, rule };
        if self.number > self.limits.lines {
            return Err(error(Rule::TooManyLines));
        }
        if line.len() > self.limits.line_len {
            return Err(error(Rule::LineTooLong));
        }
        // RFC 8866, Section 9: a byte-string has no NUL, CR or LF.
        let is_refused = |byte| byte == 0 || byte == b'\r';
        // Every byte is looked at, without an early end: so the compiler can look at many at once.
        if line.bytes().fold(false, |refused, byte| refused | is_refused(byte)) {
            return Err(error(Rule::Line));
        }
        match (line.as_bytes(), line.get(2..)) {
            ([kind @ b'a'..=b'z', b'=', ..], Some(value)) => {
                Ok(Line { number: self.number, kind: *kind, value })
            }
            _ => Err(error(Rule::Line)),
        }
    }
}

impl<'a> Iterator for Lines<'a, '_> {
    type Item = Result<Line<'a>, ParseError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.rest.is_empty() {
            return None;
        }
        let (line, rest) = cut(self.rest, b'\n').unwrap_or((self.rest, ""));
        self.rest = rest;
        self.number = self.number.saturating_add(1);
        Some(self.split(line.strip_suffix('\r').unwrap_or(line)))
    }
}

/// What stands before and behind the first `separator`, an ASCII character. For the short texts of a description it is
/// quicker than the search of the standard library.
pub(crate) fn cut(text: &str, separator: u8) -> Option<(&str, &str)> {
    let place = text.bytes().position(|byte| byte == separator)?;
    Some((text.get(..place)?, text.get(place + 1..)?))
}

/// RFC 8866, Section 9: `token-char`.
pub(crate) fn is_token(text: &str) -> bool {
    !text.is_empty()
        && text.bytes().all(|byte| {
            byte.is_ascii_alphanumeric()
                || matches!(byte, b'!' | b'#'..=b'\'' | b'*' | b'+' | b'-' | b'.' | b'^'..=b'`' | b'{'..=b'~')
        })
}
