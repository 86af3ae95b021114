//! NAL units of a byte stream, for the targets that compare them.

/// The NAL units of a byte stream, found in the plainest way.
pub fn nal_units(stream: &[u8]) -> Vec<Vec<u8>> {
    let mut units = Vec::new();
    let mut at = 0;
    while at < stream.len() {
        if stream[at..].starts_with(&[0, 0, 1]) {
            units.push(Vec::new());
            at += 3;
        } else {
            if let Some(unit) = units.last_mut() {
                unit.push(stream[at]);
            }
            at += 1;
        }
    }
    for unit in &mut units {
        while unit.last() == Some(&0) {
            unit.pop();
        }
    }
    units.retain(|unit| !unit.is_empty());
    units
}
