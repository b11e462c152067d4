//! Passwords in URLs (RFC 3986, section 3.2.1), which are not kept.

/// Behind these the authority begins.
const BEGINNINGS: [&str; 3] = ["://", "sip:", "sips:"];
const HIDDEN: &str = "***";

/// The URL with `***` for a password in front of its host. Of one that ends within its authority
/// and goes on beyond the packet, a password is what stands behind the first colon.
pub(super) fn without_password(url: String, is_whole: bool) -> String {
    let beginning = BEGINNINGS.iter().filter_map(|mark| Some(url.find(mark)? + mark.len())).min();
    match beginning {
        Some(start) => hide(url, start, is_whole),
        None => url,
    }
}

/// The same of a target that is nothing but an authority, as that of CONNECT.
pub(super) fn authority_without_password(authority: String) -> String {
    hide(authority, 0, true)
}

fn hide(url: String, start: usize, is_whole: bool) -> String {
    let rest = &url[start..];
    let end = rest.find(['/', '?', '#']);
    let authority = &rest[..end.unwrap_or(rest.len())];
    let hidden = match (authority.rfind('@'), authority.find(':')) {
        (Some(at), Some(colon)) if colon < at => colon + 1..at,
        (None, Some(colon)) if !is_whole && end.is_none() => colon + 1..authority.len(),
        _ => return url,
    };
    let (before, behind) = (&url[..start + hidden.start], &url[start + hidden.end..]);
    format!("{before}{HIDDEN}{behind}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_hidden_and_nothing_else() {
        for (url, shown) in [
            ("http://bob:pw@host/a@b:c", "http://bob:***@host/a@b:c"),
            ("http://bob:p@w@host:80", "http://bob:***@host:80"),
            ("sip:bob:pw@host;x=y", "sip:bob:***@host;x=y"),
            ("http://bob@host:80/", "http://bob@host:80/"),
            ("http://host:80/?q=a:b@c", "http://host:80/?q=a:b@c"),
            ("/a:b@c", "/a:b@c"),
            ("sip:bob@host:5060", "sip:bob@host:5060"),
        ] {
            assert_eq!(without_password(url.into(), true), shown);
        }
        assert_eq!(without_password("ftp://bob:pas".into(), false), "ftp://bob:***");
        assert_eq!(without_password("http://host:80/x".into(), false), "http://host:80/x");
        assert_eq!(authority_without_password("bob:pw@host:443".into()), "bob:***@host:443");
    }
}
