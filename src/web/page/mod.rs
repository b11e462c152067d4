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

static FILES: &[File] = files![
    "/" HTML "index.html",
];
