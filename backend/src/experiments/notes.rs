//! Notes in markdown as HTML that is safe to show: tags that a person writes are shown as text, links lead only to web addresses and
//! pages of this console, and pictures become links, since a page loads nothing from elsewhere.

use pulldown_cmark::{CowStr, Event, LinkType, Options, Parser, Tag, TagEnd, html};

/// The HTML of some markdown (CommonMark with tables, strike-through and task lists).
pub fn html(markdown: &str) -> String {
    let options =
        Options::ENABLE_TABLES | Options::ENABLE_STRIKETHROUGH | Options::ENABLE_TASKLISTS;
    let events = Parser::new_ext(markdown, options).map(|event| match event {
        Event::Html(text) | Event::InlineHtml(text) => Event::Text(text),
        Event::Start(
            Tag::Link {
                dest_url,
                title,
                id,
                ..
            }
            | Tag::Image {
                dest_url,
                title,
                id,
                ..
            },
        ) => Event::Start(Tag::Link {
            link_type: LinkType::Inline,
            dest_url: safe(dest_url),
            title,
            id,
        }),
        Event::End(TagEnd::Image) => Event::End(TagEnd::Link),
        other => other,
    });
    let mut out = String::new();
    html::push_html(&mut out, events);
    out
}

/// An address that cannot run anything; any other leads nowhere.
fn safe(address: CowStr<'_>) -> CowStr<'_> {
    let lower = address.trim_start().to_ascii_lowercase();
    let is_own = lower.starts_with('#') || (lower.starts_with('/') && !lower.starts_with("//"));
    let is_web = ["http://", "https://", "mailto:"]
        .iter()
        .any(|scheme| lower.starts_with(scheme));
    if is_own || is_web {
        address
    } else {
        CowStr::Borrowed("#")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn markdown_becomes_html() {
        let shown =
            html("# lr\n\n- *fine* until **400**\n- [x] done\n\n| a | b |\n|---|---|\n| 1 | 2 |");
        for part in [
            "<h1>lr</h1>",
            "<em>fine</em>",
            "<strong>400</strong>",
            "<table>",
            "checkbox",
        ] {
            assert!(shown.contains(part), "{part} in {shown}");
        }
    }

    #[test]
    fn nothing_that_a_person_writes_runs() {
        for bad in [
            "<script>alert(1)</script>",
            "a <img src=x onerror=alert(1)> b",
            "[x](javascript:alert(1))",
            "[x]( JaVaScript:alert(1))",
            "[x](java&#x09;script:alert(1))",
            "[x](data:text/html,<script>alert(1)</script>)",
            "![x](javascript:alert(1))",
            "<javascript:alert(1)>",
            "[x]: javascript:alert(1)\n\n[x]",
            "[a](//evil.example)",
            "\"><svg onload=alert(1)>",
            "[x](https://e.example/\"onmouseover=\"alert(1))",
        ] {
            let shown = html(bad);
            assert!(
                !shown.contains("<script") && !shown.contains("<img") && !shown.contains("<svg"),
                "{shown}"
            );
            let lower = shown.to_lowercase();
            assert!(
                !lower.contains("href=\"javascript")
                    && !lower.contains("href=\"data")
                    && !lower.contains("href=\"//"),
                "{shown}"
            );
            assert!(
                !lower.contains("\" onmouseover") && !lower.contains("\"onmouseover"),
                "{shown}"
            );
        }
        assert!(html("[a](https://e.example) [b](/models)").contains("href=\"/models\""));
    }
}
