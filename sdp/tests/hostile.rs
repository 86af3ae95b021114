//! 1 MiB of hostile descriptions is read, set and answered, or refused, in a time that does not grow with its square.
#![expect(clippy::unwrap_used, clippy::disallowed_methods, reason = "tests; this one measures time")]

use capabilities::{Able, negotiator};
use duologue_sdp::SessionDescription;
use duologue_sdp::jsep::{Negotiator, SdpType, TrackKind};
use std::fmt::Write as _;
use std::time::{Duration, Instant};

#[path = "agreement/capabilities.rs"]
mod capabilities;

const SIZE: usize = 1 << 20;
/// What 1 MiB may take.
const BUDGET: Duration = Duration::from_millis(50);
/// How much slower a build is that is optimised little and checks overflows.
const SLOWNESS: u32 = if cfg!(debug_assertions) { 5 } else { 1 };
/// Others use the machine too: the best time counts.
const RUNS: usize = 3;

const TRANSPORT: &str =
    "a=ice-ufrag:ufrag\r\na=ice-pwd:passwordpasswordpassword\r\na=setup:actpass\r\na=rtcp-mux\r\n";

fn head() -> String {
    let fingerprint = ["A5"; 32].join(":");
    format!("v=0\r\no=- 1 1 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\na=fingerprint:sha-256 {fingerprint}\r\n")
}

/// One video section, and lines up to 1 MiB.
fn section_with(mut line: impl FnMut(&mut String, usize)) -> String {
    let mut text = head();
    text.push_str("a=group:BUNDLE 0\r\nm=video 9 UDP/TLS/RTP/SAVPF 96 97\r\nc=IN IP4 0.0.0.0\r\na=mid:0\r\n");
    text.push_str(TRANSPORT);
    text.push_str("a=rtpmap:96 VP8/90000\r\na=rtpmap:97 rtx/90000\r\na=fmtp:97 apt=96\r\n");
    for index in 0..LINES {
        if text.len() > SIZE - 100 {
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
        let start = Instant::now();
        if let Ok(offer) = text.parse::<SessionDescription>()
            && peer.set_remote_description(SdpType::Offer, &offer).is_ok()
        {
            let answer = peer.create_answer().unwrap();
            peer.set_local_description(SdpType::Answer, Some(&answer)).unwrap();
        }
        longest = longest.max(start.elapsed());
    }
    longest
}

/// An offer, and a later one with other streams.
fn takes_no_longer_than_the_budget(name: &str, text: &str) {
    assert!(text.len() <= SIZE + 16 * 1024, "{name}: {}", text.len());
    let again = text.replace("stream", "other_");
    for able in Able::ALL {
        let best = (0..RUNS).map(|_| run(able, text, &again)).min().unwrap();
        println!("{name}, {able:?}: {} KiB, {best:?}", text.len() / 1024);
        assert!(best < BUDGET * SLOWNESS, "{name}, {able:?}: {best:?}");
    }
}

#[test]
fn many_sections() {
    takes_no_longer_than_the_budget("1,000 sections", &sections(1_000, 15));
    takes_no_longer_than_the_budget("10,000 sections, refused", &sections(10_000, 0));
}

#[test]
fn huge_groups() {
    let groups = |semantics: &str, word: fn(usize) -> String| {
        let mut text = head();
        while text.len() < SIZE - 20 * 1024 {
            list(&mut text, &format!("a=group:{semantics}"), word);
            text.push_str("\r\n");
        }
        text.push_str("m=video 9 UDP/TLS/RTP/SAVPF 96\r\na=mid:0\r\na=rtpmap:96 VP8/90000\r\n");
        text.push_str(TRANSPORT);
        text
    };
    takes_no_longer_than_the_budget("many BUNDLE groups", &groups("BUNDLE", |index| index.to_string()));
    takes_no_longer_than_the_budget("many LS groups", &groups("LS", |_| "0".to_owned()));
    let mut text = sections(1_000, 0);
    let at = text.find("m=").unwrap();
    let mut more = String::new();
    while more.len() + text.len() < SIZE {
        list(&mut more, "a=group:LS", |index| (index % 1_000).to_string());
        more.push_str("\r\n");
    }
    text.insert_str(at, &more);
    takes_no_longer_than_the_budget("LS groups of 1,000 sections", &text);
}

#[test]
fn many_codecs() {
    let rtpmaps = section_with(|text, index| {
        write!(text, "a=rtpmap:{} VP8/90000\r\na=fmtp:{0} x={index}", 35 + index % 90).unwrap();
    });
    takes_no_longer_than_the_budget("rtpmap and fmtp", &rtpmaps);
    let mut formats = head();
    formats.push_str("m=video 9 UDP/TLS/RTP/SAVPF");
    (0..128).for_each(|number| write!(formats, " {number}").unwrap());
    write!(formats, "\r\na=mid:0\r\n{TRANSPORT}").unwrap();
    for number in (0..64).chain(96..128) {
        write!(formats, "a=rtpmap:{number} VP8/90000\r\n").unwrap();
    }
    let mut index = 0usize;
    while formats.len() < SIZE - 100 && index < LINES {
        write!(formats, "a=rtcp-fb:* feedback {index} {}\r\n", "x".repeat(30)).unwrap();
        index += 1;
    }
    takes_no_longer_than_the_budget("codecs and feedback for all", &formats);
    let long = section_with(|text, _| {
        text.push_str("a=fmtp:96 ");
        text.push_str(&"x=1;".repeat(4_000));
    });
    takes_no_longer_than_the_budget("long fmtp", &long);
}

#[test]
fn many_extensions() {
    let extensions =
        section_with(|text, index| write!(text, "a=extmap:{} urn:x:{index}", 1 + index % 4_351).unwrap());
    takes_no_longer_than_the_budget("extmap", &extensions);
    let ours = section_with(|text, index| {
        write!(text, "a=extmap:{} urn:ietf:params:rtp-hdrext:sdes:mid", 1 + index % 4_351).unwrap();
    });
    takes_no_longer_than_the_budget("extmap of one that we have", &ours);
}

#[test]
fn many_encodings() {
    let rids = section_with(|text, index| write!(text, "a=rid:r{index} send max-br=1").unwrap());
    takes_no_longer_than_the_budget("rid", &rids);
    let mut simulcast = rids.clone();
    simulcast.push_str("a=simulcast:send r0");
    (1..256).for_each(|index| write!(simulcast, ";r{},~r{index}", 19_000 + index).unwrap());
    simulcast.push_str("\r\n");
    takes_no_longer_than_the_budget("rid and simulcast", &simulcast);
    let recv = simulcast.replace(" send", " recv").replace(":send", ":recv");
    takes_no_longer_than_the_budget("rid and simulcast that we send", &recv);
    let same = section_with(|text, _| text.push_str("a=rid:r send pt=96,97"));
    takes_no_longer_than_the_budget("the same rid", &same);
}

#[test]
fn many_streams_candidates_and_fingerprints() {
    let streams = section_with(|text, index| write!(text, "a=msid:stream{index} track").unwrap());
    takes_no_longer_than_the_budget("msid", &streams);
    let candidates =
        section_with(|text, index| write!(text, "a=candidate:{index} 1 udp 1 192.0.2.1 5 typ host").unwrap());
    takes_no_longer_than_the_budget("candidate", &candidates);
    let fingerprints = section_with(|text, index| {
        let digest = [format!("{:02X}", index % 256).as_str(); 32].join(":");
        write!(text, "a=fingerprint:sha-256 {digest}").unwrap();
    });
    takes_no_longer_than_the_budget("fingerprint", &fingerprints);
    let options = section_with(|text, _| list(text, "a=ice-options:trickle", |index| format!("o{index}")));
    takes_no_longer_than_the_budget("ice-options", &options);
    let strange = section_with(|text, index| write!(text, "a=strange{index}:{}", "x".repeat(40)).unwrap());
    takes_no_longer_than_the_budget("unknown attributes", &strange);
    let sources =
        section_with(|text, index| write!(text, "a=ssrc:{index} cname:{}", "x".repeat(30)).unwrap());
    takes_no_longer_than_the_budget("ssrc", &sources);
}
