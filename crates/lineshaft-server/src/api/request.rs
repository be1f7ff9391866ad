//! What a request says: its path, its query, its body. What is wrong with one of them is a problem that names the place;
//! unknown fields are refused everywhere (AZ-3).

use axum::Json;
use axum::extract::rejection::JsonRejection;
use axum::extract::{FromRequest, FromRequestParts, Path, Query, Request};
use axum::http::StatusCode;
use axum::http::request::Parts;
use serde::de::DeserializeOwned;

use super::BODY_BYTES_MAX;
use crate::problem::Problem;

/// The places of the path.
pub(super) struct Named<T>(pub(super) T);

/// The query.
pub(super) struct Asked<T>(pub(super) T);

/// The JSON body.
pub(super) struct Given<T>(pub(super) T);

impl<T: DeserializeOwned + Send, S: Send + Sync> FromRequestParts<S> for Named<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let path = Path::from_request_parts(parts, state).await;
        path.map(|Path(named)| Self(named)).map_err(|rejection| refused(&rejection.body_text(), "path"))
    }
}

impl<T: DeserializeOwned, S: Send + Sync> FromRequestParts<S> for Asked<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let query = Query::try_from_uri(&parts.uri);
        query.map(|Query(asked)| Self(asked)).map_err(|rejection| refused(&rejection.body_text(), "query"))
    }
}

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Given<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        match Json::from_request(request, state).await {
            Ok(Json(given)) => Ok(Self(given)),
            Err(rejection) if rejection.status() == StatusCode::PAYLOAD_TOO_LARGE => {
                Err(Problem::too_large(format!("a request may have {BODY_BYTES_MAX} bytes")).at("body"))
            }
            Err(JsonRejection::MissingJsonContentType(_)) => {
                Err(Problem::media_type("the body of a request is taken as application/json only"))
            }
            Err(rejection) => Err(refused(&rejection.body_text(), "body")),
        }
    }
}

/// The library's words without its own name for the place.
fn refused(said: &str, place: &str) -> Problem {
    const TOLD_BY_PLACE: [&str; 4] = [
        "Failed to deserialize query string: ",
        "Failed to deserialize the JSON body into the target type: ",
        "Failed to parse the request body as JSON: ",
        "Invalid URL: ",
    ];
    let said = TOLD_BY_PLACE.iter().find_map(|words| said.strip_prefix(words)).unwrap_or(said);
    Problem::bad_request(said).at(place)
}
