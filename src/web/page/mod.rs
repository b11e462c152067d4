//! The files of the page, as they are; they are part of the binary.

/// One file of the page.
#[derive(Debug)]
pub(super) struct File {
    path: &'static str,
    pub(super) content_type: &'static str,
    pub(super) bytes: &'static [u8],
}

/// The file at this path of a URL.
pub(super) fn file(path: &str) -> Option<&'static File> {
    FILES.iter().find(|file| file.path == path)
}

macro_rules! files {
    ($($path:literal $content_type:ident $name:literal,)*) => {
        &[$(File {
            path: $path,
            content_type: $content_type,
            bytes: include_bytes!($name),
        }),*]
    };
}

const HTML: &str = "text/html; charset=utf-8";
const CSS: &str = "text/css; charset=utf-8";
const SCRIPT: &str = "text/javascript; charset=utf-8";
const IMAGE: &str = "image/svg+xml";

static FILES: &[File] = files![
    "/" HTML "index.html",
    "/api.js" SCRIPT "api.js",
    "/app.js" SCRIPT "app.js",
    "/bytes.js" SCRIPT "bytes.js",
    "/conversation.js" SCRIPT "conversation.js",
    "/detail.js" SCRIPT "detail.js",
    "/dom.js" SCRIPT "dom.js",
    "/download.js" SCRIPT "download.js",
    "/help.js" SCRIPT "help.js",
    "/histogram.js" SCRIPT "histogram.js",
    "/icon.svg" IMAGE "icon.svg",
    "/layers.js" SCRIPT "layers.js",
    "/login.js" SCRIPT "login.js",
    "/packets.js" SCRIPT "packets.js",
    "/panels.css" CSS "panels.css",
    "/protocols.js" SCRIPT "protocols.js",
    "/query.js" SCRIPT "query.js",
    "/range.js" SCRIPT "range.js",
    "/state.js" SCRIPT "state.js",
    "/style.css" CSS "style.css",
    "/summary.js" SCRIPT "summary.js",
    "/terms.js" SCRIPT "terms.js",
    "/theme.js" SCRIPT "theme.js",
    "/time.js" SCRIPT "time.js",
    "/welcome.js" SCRIPT "welcome.js",
    "/window.js" SCRIPT "window.js",
];
