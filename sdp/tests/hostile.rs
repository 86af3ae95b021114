//! 1 MiB of hostile descriptions is read, set and answered, or refused, in a time that does not grow with its square. It is
//! the processor's time of this thread, which Linux tells: others may use the machine too.
#![cfg(target_os = "linux")]
#![expect(clippy::unwrap_used, reason = "tests")]

use capabilities::{Able, negotiator};
use duologue_sdp::SessionDescription;
use duologue_sdp::jsep::{Negotiator, SdpType, TrackKind};
use std::fmt::Write as _;
use std::time::Duration;

#[path = "agreement/capabilities.rs"]
mod capabilities;

const SIZE: usize = 1 << 20;
/// What 1 MiB may take in a build for release.
const BUDGET: Duration = Duration::from_millis(50);
/// By how much four times the size may take longer: 4 is linear, 16 is its square.
const GROWTH: u32 = 10;
/// Less than this is too short to be compared.
const SHORT: Duration = Duration::from_millis(20);
/// Linux counts in steps of some milliseconds: the mean of several runs counts.
const RUNS: u32 = 5;

const TRANSPORT: &str =
    "a=ice-ufrag:ufrag\r\na=ice-pwd:passwordpasswordpassword\r\na=setup:actpass\r\na=rtcp-mux\r\n";

fn head() -> String {
    let fingerprint = ["A5"; 32].join(":");
    format!("v=0\r\no=- 1 1 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\na=fingerprint:sha-256 {fingerprint}\r\n")
}

/// One video section, and lines up to the size, as many as a description may have.
fn section_with(size: usize, mut line: impl FnMut(&mut String, usize)) -> String {
    let mut text = head();
    text.push_str("a=group:BUNDLE 0\r\nm=video 9 UDP/TLS/RTP/SAVPF 96 97\r\nc=IN IP4 0.0.0.0\r\na=mid:0\r\n");
    text.push_str(TRANSPORT);
    text.push_str("a=rtpmap:96 VP8/90000\r\na=rtpmap:97 rtx/90000\r\na=fmtp:97 apt=96\r\n");
    // A quarter of the size has a quarter of the lines.
    for index in 0..LINES * size / SIZE {
        if text.len() > size {
            break;
        }
        line(&mut text, index);
        text.push_str("\r\n");
    }
    text
}

const LINES: usize = 19_900;

/// A line whose end is a list of what `word` makes, up to the length that a line may have.
fn list(text: &mut String, start: &str, mut word: impl FnMut(usize) -> String) {
    let begin = text.len();
    text.push_str(start);
    for index in 0.. {
        let word = word(index);
        if text.len() - begin + word.len() + 2 > 16 * 1024 {
            break;
        }
        write!(text, " {word}").unwrap();
    }
}

fn sections(count: usize, extra: usize) -> String {
    let mut text = head();
    let mids = 0..count;
    text.push_str("a=group:BUNDLE");
    mids.clone().take(1_000).for_each(|mid| write!(text, " {mid}").unwrap());
    text.push_str("\r\n");
    for mid in mids {
        let kind = if mid % 2 == 0 { "audio" } else { "video" };
        let (number, name) = if mid % 2 == 0 { (0, "PCMU/8000") } else { (96, "VP8/90000") };
        write!(text, "m={kind} 9 UDP/TLS/RTP/SAVPF {number}\r\na=mid:{mid}\r\na=rtpmap:{number} {name}\r\n")
            .unwrap();
        if mid == 0 {
            text.push_str(TRANSPORT);
        }
        for line in 0..extra {
            write!(text, "a=msid:stream{mid}-{line}{}\r\n", "x".repeat(40)).unwrap();
        }
    }
    text
}

fn peer(able: Able) -> Negotiator {
    let mut peer = negotiator(able, 1);
    // Some have no video.
    let _ = peer.add_track(TrackKind::Video, "track", &["stream".into()]);
    peer
}

/// Reads, sets and answers, twice; returns the longer time.
fn run(able: Able, text: &str, again: &str) -> Duration {
    let mut peer = peer(able);
    let mut longest = Duration::ZERO;
    for text in [text, again] {
        let start = processor_time();
        if let Ok(offer) = text.parse::<SessionDescription>()
            && peer.set_remote_description(SdpType::Offer, &offer).is_ok()
        {
            let answer = peer.create_answer().unwrap();
            peer.set_local_description(SdpType::Answer, Some(&answer)).unwrap();
        }
        longest = longest.max(processor_time().saturating_sub(start));
    }
    longest
}

/// What this thread has used of the processor.
fn processor_time() -> Duration {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap();
    Duration::from_nanos(text.split(' ').next().unwrap().parse().unwrap())
}

fn mean(able: Able, text: &str) -> Duration {
    // The later one has other streams.
    let again = text.replace("stream", "other_");
    (0..RUNS).map(|_| run(able, text, &again)).sum::<Duration>() / RUNS
}

/// `text` makes a description of so many bytes.
fn grows_with_its_size(name: &str, text: impl Fn(usize) -> String) {
    let (quarter, whole) = (text(SIZE / 4), text(SIZE));
    assert!(whole.len() <= SIZE + 20 * 1024, "{name}: {}", whole.len());
    for able in Able::ALL {
        let (few, many) = (mean(able, &quarter), mean(able, &whole));
        println!(
            "{name}, {able:?}: {} KiB in {few:?}, {} KiB in {many:?}",
            quarter.len() / 1024,
            whole.len() / 1024
        );
        assert!(many < SHORT || many < few * GROWTH, "{name}, {able:?}: {few:?}, {many:?}");
        assert!(many < BUDGET || cfg!(debug_assertions), "{name}, {able:?}: {many:?}");
    }
}

#[test]
fn many_sections() {
    grows_with_its_size("1,000 sections", |size| sections(1_000 * size / SIZE, 15));
    grows_with_its_size("10,000 sections, refused", |size| sections(10_000 * size / SIZE, 0));
}

#[test]
fn huge_groups() {
    let groups = |size: usize, semantics: &str, word: fn(usize) -> String| {
        let mut text = head();
        while text.len() < size {
            list(&mut text, &format!("a=group:{semantics}"), word);
            text.push_str("\r\n");
        }
        text.push_str("m=video 9 UDP/TLS/RTP/SAVPF 96\r\na=mid:0\r\na=rtpmap:96 VP8/90000\r\n");
        text.push_str(TRANSPORT);
        text
    };
    grows_with_its_size("BUNDLE groups", |size| groups(size, "BUNDLE", |index| index.to_string()));
    grows_with_its_size("LS groups", |size| groups(size, "LS", |_| "0".to_owned()));
    grows_with_its_size("LS groups of many sections", |size| {
        let count = 1_000 * size / SIZE;
        let mut text = sections(count, 0);
        let at = text.find("m=").unwrap();
        let mut more = String::new();
        while more.len() + text.len() < size {
            list(&mut more, "a=group:LS", |index| (index % count).to_string());
            more.push_str("\r\n");
        }
        text.insert_str(at, &more);
        text
    });
}

#[test]
fn many_codecs() {
    grows_with_its_size("rtpmap and fmtp", |size| {
        section_with(size, |text, index| {
            write!(text, "a=rtpmap:{} VP8/90000\r\na=fmtp:{0} x={index}", 35 + index % 90).unwrap();
        })
    });
    grows_with_its_size("feedback for all codecs", |size| {
        let mut text = head();
        text.push_str("m=video 9 UDP/TLS/RTP/SAVPF");
        (0..128).for_each(|number| write!(text, " {number}").unwrap());
        write!(text, "\r\na=mid:0\r\n{TRANSPORT}").unwrap();
        for number in (0..64).chain(96..128) {
            write!(text, "a=rtpmap:{number} VP8/90000\r\n").unwrap();
        }
        for index in 0..LINES * size / SIZE {
            write!(text, "a=rtcp-fb:* feedback {index} {}\r\n", "x".repeat(20)).unwrap();
        }
        text
    });
    grows_with_its_size("long fmtp", |size| {
        section_with(size, |text, _| {
            text.push_str("a=fmtp:96 ");
            text.push_str(&"x=1;".repeat(4_000));
        })
    });
}

#[test]
fn many_extensions() {
    grows_with_its_size("extmap", |size| {
        section_with(size, |text, index| {
            write!(text, "a=extmap:{} urn:x:{index}", 1 + index % 4_351).unwrap()
        })
    });
    grows_with_its_size("extmap of one that we have", |size| {
        section_with(size, |text, index| {
            write!(text, "a=extmap:{} urn:ietf:params:rtp-hdrext:sdes:mid", 1 + index % 4_351).unwrap();
        })
    });
}

#[test]
fn many_encodings() {
    let rids = |size: usize, way: &str| {
        let count = LINES * size / SIZE;
        let mut text =
            section_with(size, |text, index| write!(text, "a=rid:r{index} {way} max-br=1").unwrap());
        write!(text, "a=simulcast:{way} r0").unwrap();
        (1..256).for_each(|index| write!(text, ";r{},~r{index}", count - index).unwrap());
        text.push_str("\r\n");
        text
    };
    grows_with_its_size("rid and simulcast that we receive", |size| rids(size, "send"));
    grows_with_its_size("rid and simulcast that we send", |size| rids(size, "recv"));
    grows_with_its_size("the same rid", |size| {
        section_with(size, |text, _| text.push_str("a=rid:r send pt=96,97"))
    });
}

#[test]
fn many_streams_and_sources() {
    grows_with_its_size("msid", |size| {
        section_with(size, |text, index| write!(text, "a=msid:stream{index} track").unwrap())
    });
    grows_with_its_size("ssrc", |size| {
        section_with(size, |text, index| write!(text, "a=ssrc:{index} cname:{}", "x".repeat(30)).unwrap())
    });
}

#[test]
fn many_candidates_fingerprints_and_unknown_attributes() {
    grows_with_its_size("candidate", |size| {
        section_with(size, |text, index| {
            write!(text, "a=candidate:{index} 1 udp 1 192.0.2.1 5 typ host").unwrap();
        })
    });
    grows_with_its_size("fingerprint", |size| {
        section_with(size, |text, index| {
            let digest = [format!("{:02X}", index % 256).as_str(); 32].join(":");
            write!(text, "a=fingerprint:sha-256 {digest}").unwrap();
        })
    });
    grows_with_its_size("ice-options", |size| {
        section_with(size, |text, _| list(text, "a=ice-options:trickle", |index| format!("o{index}")))
    });
    grows_with_its_size("unknown attributes", |size| {
        section_with(size, |text, index| write!(text, "a=strange{index}:{}", "x".repeat(40)).unwrap())
    });
}
