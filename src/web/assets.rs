//! The files of the page, which are in the program itself.

use axum::extract::Request;
use axum::http::{HeaderValue, Method, StatusCode, header};
use axum::response::{IntoResponse as _, Response};

use crate::web::error::ApiError;
use crate::web::page;

/// Answers what is no question to the archive.
pub(super) async fn file(request: Request) -> Response {
    let path = request.uri().path();
    let Some(file) = page::file(path) else {
        return ApiError::new(StatusCode::NOT_FOUND, format!("{path}: there is nothing here"))
            .into_response();
    };
    if request.method() != Method::GET && request.method() != Method::HEAD {
        return StatusCode::METHOD_NOT_ALLOWED.into_response();
    }
    let mut response = file.bytes.into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(file.content_type));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    response
}
