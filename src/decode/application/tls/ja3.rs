//! JA3 and JA3S (Salesforce): MD5 of the numbers of a hello, `-` between those of a list, `,`
//! between lists. GREASE is left out.

use std::fmt::Write as _;

use super::hello::{ClientHello, ServerHello, is_grease};

/// `version,ciphers,extensions,groups,point formats`
pub(super) fn of_client(hello: &ClientHello<'_>) -> String {
    let mut text = hello.version.to_string();
    let point_formats: Vec<u16> = hello.point_formats.iter().map(|&format| format.into()).collect();
    for list in [&hello.ciphers, &hello.extensions, &hello.groups, &point_formats] {
        push_list(&mut text, list);
    }
    digest(&text)
}

/// `version,cipher,extensions`
pub(super) fn of_server(hello: &ServerHello<'_>) -> String {
    let mut text = hello.version.to_string();
    push_list(&mut text, hello.cipher.as_slice());
    push_list(&mut text, &hello.extensions);
    digest(&text)
}

fn push_list(text: &mut String, numbers: &[u16]) {
    let mut separator = ',';
    text.push(separator);
    for number in numbers.iter().filter(|number| !is_grease(**number)) {
        if separator == '-' {
            text.push(separator);
        }
        separator = '-';
        write!(text, "{number}").unwrap_or_else(|_| unreachable!("a string takes any text"));
    }
}

fn digest(text: &str) -> String {
    format!("{:x}", md5::compute(text))
}
