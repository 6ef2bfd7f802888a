//! Images, audio and files: as parts of a turn, and back as contents of a chat message.
//!
//! Small ones are stored themselves. Of a large one the address is, by its hash: a turn
//! has a limit, and what the service never reads need not lie there. An application
//! that keeps its media by their SHA-256 finds them again.

use base64::{Engine as _, engine::general_purpose::STANDARD as BASE64};
use sha2::{Digest as _, Sha256};
use throughline_proto::v1::{Opaque, opaque::Source, part::Content};

use crate::chat::{Audio, ContentPart, File, Url};

/// What one costs in a window: an image of a million pixels at the hosted models.
const TOKENS: u32 = 1_000;
/// Bytes of the largest that is stored itself.
const MAX_KEPT: usize = 256 << 10;
/// Bytes that are stored of one message: with its texts far below the limit of a turn.
const MAX_KEPT_OF_TURN: usize = 512 << 10;
/// Begins the address of what is not stored itself.
const HASH: &str = "urn:sha256:";
/// The chat proxy stores the hash of the data URL.
const HASHES: [&str; 2] = [HASH, "urn:blake3:"];

/// Makes the parts of one message; counts what is stored of it.
#[derive(Default)]
pub(crate) struct MediaOfTurn {
    kept: usize,
}

impl MediaOfTurn {
    /// What is stored of a content.
    pub(crate) fn content(&mut self, part: ContentPart) -> Content {
        match part {
            ContentPart::Text { text } | ContentPart::Refusal { refusal: text } => {
                Content::Text(text)
            }
            ContentPart::ImageUrl { image_url } => self.of_url(image_url.url, "image/*"),
            ContentPart::InputAudio { input_audio: Audio { data, format } } => {
                self.inline(format!("audio/{format}"), &data)
            }
            ContentPart::File { file } => {
                let source = file.file_data.or(file.file_id).unwrap_or_default();
                self.of_url(source, "application/*")
            }
        }
    }

    fn of_url(&mut self, url: String, media_type: &str) -> Content {
        let inline = url.strip_prefix("data:").and_then(|rest| rest.split_once(";base64,"));
        match inline {
            Some((media_type, data)) => self.inline(media_type.to_owned(), data),
            None => opaque(media_type.to_owned(), Source::Uri(url)),
        }
    }

    fn inline(&mut self, media_type: String, encoded: &str) -> Content {
        let room = MAX_KEPT.min(MAX_KEPT_OF_TURN.saturating_sub(self.kept));
        let source = match BASE64.decode(encoded) {
            Ok(data) if data.len() <= room => {
                self.kept += data.len();
                Source::Data(data.into())
            }
            Ok(data) => Source::Uri(address_of(&data)),
            // The model may read what is no base64 here.
            Err(_) => Source::Uri(address_of(encoded.as_bytes())),
        };
        opaque(media_type, source)
    }
}

fn opaque(media_type: String, source: Source) -> Content {
    Content::Opaque(Opaque { media_type, source: Some(source), token_cost: TOKENS })
}

fn address_of(data: &[u8]) -> String {
    let digits = Sha256::digest(data).iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    format!("{HASH}{digits}")
}

/// A content of a chat message; what is not kept here is named.
pub(crate) fn content_of(part: &Opaque) -> ContentPart {
    let (kind, format) = part.media_type.split_once('/').unwrap_or((&part.media_type, ""));
    let data = match &part.source {
        Some(Source::Uri(uri)) if HASHES.iter().any(|hash| uri.starts_with(hash)) => {
            return ContentPart::Text { text: format!("[{}]", part.media_type) };
        }
        Some(Source::Uri(uri)) if kind == "image" => {
            return ContentPart::ImageUrl { image_url: Url { url: uri.clone(), detail: None } };
        }
        Some(Source::Uri(uri)) => {
            let file = File { file_id: Some(uri.clone()), ..File::default() };
            return ContentPart::File { file };
        }
        Some(Source::Data(data)) => BASE64.encode(data),
        None => String::new(),
    };
    let url = || format!("data:{};base64,{data}", part.media_type);
    match kind {
        "image" => ContentPart::ImageUrl { image_url: Url { url: url(), detail: None } },
        "audio" => {
            let format = format.to_owned();
            ContentPart::InputAudio { input_audio: Audio { data, format } }
        }
        _ => ContentPart::File { file: File { file_data: Some(url()), ..File::default() } },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn image(data: &[u8]) -> ContentPart {
        let url = format!("data:image/png;base64,{}", BASE64.encode(data));
        ContentPart::ImageUrl { image_url: Url { url, detail: Some("high".to_owned()) } }
    }

    fn stored(parts: impl IntoIterator<Item = ContentPart>) -> Vec<Opaque> {
        let mut media = MediaOfTurn::default();
        let contents = parts.into_iter().map(|part| media.content(part));
        let opaque = contents.filter_map(|content| match content {
            Content::Opaque(opaque) => Some(opaque),
            _ => None,
        });
        opaque.collect()
    }

    #[test]
    fn a_large_image_is_kept_as_an_address() {
        let kept = stored([image(&vec![0; 2 << 20])]).remove(0);
        // Of two MiB of zeros.
        let hash = "5647f05ec18958947d32874eeb788fa396a05d0bab7c1b71f112ceb7e9b31eee";
        assert_eq!(kept.source, Some(Source::Uri(format!("urn:sha256:{hash}"))));
        assert_eq!(content_of(&kept), ContentPart::Text { text: "[image/png]".to_owned() });
    }

    #[test]
    fn small_images_are_kept_as_long_as_there_is_room() {
        let small = image(&vec![1; 200 << 10]);
        let kept = stored([small.clone(), small.clone(), small.clone()]);
        let inline = kept.iter().map(|part| matches!(part.source, Some(Source::Data(_))));
        assert_eq!(inline.collect::<Vec<_>>(), [true, true, false]);
        let ContentPart::ImageUrl { image_url: Url { url, .. } } = small else { unreachable!() };
        let shown = ContentPart::ImageUrl { image_url: Url { url, detail: None } };
        assert_eq!(content_of(&kept[0]), shown);
    }

    #[test]
    fn media_cost_tokens() {
        let file = File { file_id: Some("file-1".to_owned()), ..File::default() };
        let audio = Audio { data: "UklGRg==".to_owned(), format: "wav".to_owned() };
        let kept = stored([
            image(&vec![0; 2 << 20]),
            image(b"x"),
            ContentPart::InputAudio { input_audio: audio },
            ContentPart::File { file },
        ]);
        assert_eq!(kept.iter().map(|part| part.token_cost).collect::<Vec<_>>(), [1_000; 4]);
    }
}
