//! The test card: bars, a grey scale, a box that moves and a clock, drawn as planes of brightness and colour; and the tone
//! that goes with it. Everything follows from the time alone.

use std::time::Duration;

/// Pixels; both even, so that two by two share a colour.
pub(crate) const WIDTH: usize = 640;
pub(crate) const HEIGHT: usize = 360;

/// A picture in I420 (BT.601, limited range).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Picture {
    pub(crate) y: Vec<u8>,
    pub(crate) u: Vec<u8>,
    pub(crate) v: Vec<u8>,
}

/// Brightness, and the two differences of colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Colour(u8, u8, u8);

const BLACK: Colour = Colour(16, 128, 128);
const WHITE: Colour = Colour(235, 128, 128);
/// The bars, at three quarters of full brightness: white, yellow, cyan, green, magenta, red, blue, black.
const BARS: [Colour; 8] = [
    Colour(180, 128, 128),
    Colour(162, 44, 142),
    Colour(131, 156, 44),
    Colour(112, 72, 58),
    Colour(84, 184, 198),
    Colour(65, 100, 212),
    Colour(35, 212, 114),
    BLACK,
];

/// Where the bars end and the grey scale begins, and where that ends.
const BARS_END: usize = 216;
const SCALE_END: usize = 252;
const BOX_SIZE: usize = 40;
/// How long the box takes from one side to the other.
const CROSSING: Duration = Duration::from_secs(3);
const FLASH: Duration = Duration::from_millis(100);

const DIGIT_WIDTH: usize = 36;
const DIGIT_HEIGHT: usize = 64;
const STROKE: usize = 8;
const SPACE: usize = 12;

impl Picture {
    pub(crate) fn new() -> Self {
        let colours = WIDTH * HEIGHT / 4;
        Self { y: vec![BLACK.0; WIDTH * HEIGHT], u: vec![BLACK.1; colours], v: vec![BLACK.2; colours] }
    }

    /// Draws the card as it is `elapsed` after the start.
    pub(crate) fn draw(&mut self, elapsed: Duration) {
        let bar = WIDTH / BARS.len();
        for (index, colour) in BARS.iter().enumerate() {
            self.fill(index * bar, 0, bar, BARS_END, *colour);
        }
        for step in 0..32 {
            let grey = u8::try_from(16 + step * 219 / 31).unwrap_or(235);
            self.fill(step * WIDTH / 32, BARS_END, WIDTH / 32, SCALE_END - BARS_END, Colour(grey, 128, 128));
        }
        self.fill(0, SCALE_END, WIDTH, HEIGHT - SCALE_END, BLACK);
        self.fill(box_place(elapsed), BARS_END / 2 - BOX_SIZE / 2, BOX_SIZE, BOX_SIZE, WHITE);
        // A white square while the tone is high: sound and picture can be compared.
        if is_beep(elapsed) {
            self.fill(WIDTH - 64, SCALE_END + 34, BOX_SIZE, BOX_SIZE, WHITE);
        }
        self.write(24, SCALE_END + 22, &clock(elapsed));
    }

    /// Fills a rectangle, as far as it is within the picture. All numbers are even.
    fn fill(&mut self, x: usize, y: usize, width: usize, height: usize, colour: Colour) {
        fill_plane(&mut self.y, WIDTH, [x, y, width, height], colour.0);
        let half = [x / 2, y / 2, width / 2, height / 2];
        fill_plane(&mut self.u, WIDTH / 2, half, colour.1);
        fill_plane(&mut self.v, WIDTH / 2, half, colour.2);
    }

    /// Writes digits, points and colons.
    fn write(&mut self, mut x: usize, y: usize, text: &str) {
        for letter in text.chars() {
            match letter.to_digit(10) {
                Some(digit) => {
                    self.write_digit(x, y, digit);
                    x += DIGIT_WIDTH + SPACE;
                }
                None => {
                    self.fill(x, y + DIGIT_HEIGHT - STROKE, STROKE, STROKE, WHITE);
                    if letter == ':' {
                        self.fill(x, y + STROKE, STROKE, STROKE, WHITE);
                    }
                    x += STROKE + SPACE;
                }
            }
        }
    }

    /// Seven segments.
    fn write_digit(&mut self, x: usize, y: usize, digit: u32) {
        let (right, bottom) = (DIGIT_WIDTH - STROKE, DIGIT_HEIGHT - STROKE);
        let (middle, half) = (bottom / 2, DIGIT_HEIGHT / 2);
        let segments = [
            (0, 0, DIGIT_WIDTH, STROKE),
            (right, 0, STROKE, half),
            (right, half, STROKE, half),
            (0, bottom, DIGIT_WIDTH, STROKE),
            (0, half, STROKE, half),
            (0, 0, STROKE, half),
            (0, middle, DIGIT_WIDTH, STROKE),
        ];
        for (index, (left, top, width, height)) in segments.into_iter().enumerate() {
            if is_lit(digit, index) {
                self.fill(x + left, y + top, width, height, WHITE);
            }
        }
    }
}

/// Which segments make a digit, clockwise from the top; the middle one last.
fn is_lit(digit: u32, segment: usize) -> bool {
    const LIT: [u8; 10] = [
        0b011_1111, 0b000_0110, 0b101_1011, 0b100_1111, 0b110_0110, 0b110_1101, 0b111_1101, 0b000_0111,
        0b111_1111, 0b110_1111,
    ];
    let lit = usize::try_from(digit).ok().and_then(|digit| LIT.get(digit)).copied().unwrap_or(0);
    lit >> segment & 1 == 1
}

fn fill_plane(plane: &mut [u8], stride: usize, [x, y, width, height]: [usize; 4], value: u8) {
    let (left, right) = (x.min(stride), (x + width).min(stride));
    for row in plane.chunks_exact_mut(stride).skip(y).take(height) {
        if let Some(part) = row.get_mut(left..right) {
            part.fill(value);
        }
    }
}

/// Minutes, seconds and hundredths.
fn clock(elapsed: Duration) -> String {
    let seconds = elapsed.as_secs();
    format!("{:02}:{:02}.{:02}", seconds / 60 % 100, seconds % 60, elapsed.subsec_millis() / 10)
}

/// The left edge of the box, which goes from side to side.
fn box_place(elapsed: Duration) -> usize {
    let crossing = CROSSING.as_millis();
    let way = elapsed.as_millis() % (2 * crossing);
    let way = if way < crossing { way } else { 2 * crossing - way };
    let range = (WIDTH - BOX_SIZE) as u128;
    usize::try_from(range * way / crossing).unwrap_or(0) & !1
}

/// Whether the beep of the second sounds.
fn is_beep(elapsed: Duration) -> bool {
    elapsed.subsec_nanos() < FLASH.subsec_nanos()
}

/// The tone at one instant, from -1 to 1: a quiet note, and each second a short loud one an octave above it.
pub(crate) fn tone(elapsed: Duration) -> f32 {
    let (pitch, volume) = if is_beep(elapsed) { (880.0, 0.5) } else { (440.0, 0.1) };
    // Both notes are whole within a second.
    let phase = f64::from(elapsed.subsec_nanos()) / 1e9 * pitch;
    #[expect(clippy::cast_possible_truncation, reason = "a sample has no more digits than that")]
    let sample = ((phase * std::f64::consts::TAU).sin() * volume) as f32;
    sample
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(milliseconds: u64) -> Picture {
        let mut picture = Picture::new();
        picture.draw(Duration::from_millis(milliseconds));
        picture
    }

    #[test]
    fn the_planes_have_their_sizes_and_limits() {
        let picture = at(59_990);
        assert_eq!([picture.y.len(), picture.u.len(), picture.v.len()], [640 * 360, 320 * 180, 320 * 180]);
        assert!(picture.y.iter().all(|brightness| (16..=235).contains(brightness)));
        assert!(picture.u.iter().chain(&picture.v).all(|colour| (16..=240).contains(colour)));
    }

    #[test]
    fn a_card_drawn_over_another_leaves_nothing_of_it() {
        let mut picture = at(123_450);
        picture.draw(Duration::from_millis(7_890));
        assert_eq!(picture, at(7_890));
    }

    #[test]
    fn the_picture_moves_with_each_frame_and_stays_the_same_at_the_same_time() {
        assert_ne!(at(1000), at(1033));
        assert_eq!(at(1033), at(1033));
    }

    #[test]
    fn every_digit_looks_different() {
        let cards: Vec<Picture> = (0..10)
            .map(|digit| {
                let mut picture = Picture::new();
                picture.write(0, 0, &digit.to_string());
                picture
            })
            .collect();
        for (index, card) in cards.iter().enumerate() {
            assert!(cards.iter().skip(index + 1).all(|other| other != card), "{index}");
        }
    }

    #[test]
    fn the_clock_counts_minutes_seconds_and_hundredths() {
        assert_eq!(clock(Duration::from_millis(61_239)), "01:01.23");
        assert_eq!(clock(Duration::from_secs(6000)), "00:00.00");
    }

    #[test]
    fn the_box_stays_within_the_picture() {
        let places = (0..6000).map(|milliseconds| box_place(Duration::from_millis(milliseconds)));
        let (least, most) = places.fold((usize::MAX, 0), |(least, most), x| (least.min(x), most.max(x)));
        assert_eq!((least, most), (0, WIDTH - BOX_SIZE));
    }

    #[test]
    fn the_tone_is_loud_as_long_as_the_square_is_white() {
        let loudest = |from: u32, to: u32| {
            (from..to).map(|sample| tone(Duration::from_secs(1) * sample / 48_000).abs()).fold(0.0, f32::max)
        };
        assert!(loudest(0, 4800) > 0.49);
        let quiet = loudest(4800, 48_000);
        assert!(quiet > 0.09 && quiet < 0.11);
        let brightest = |picture: &Picture| *picture.y[300 * WIDTH + 600..][..8].iter().max().unwrap();
        assert_eq!(brightest(&at(1050)), 235);
        assert_eq!(brightest(&at(1150)), 16);
    }
}
