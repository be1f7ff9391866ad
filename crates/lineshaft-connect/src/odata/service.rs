//! A service: requests below its root with the headers of its version, and where its answers keep entities and lists.

use bytes::Bytes;
use http::header::{ACCEPT, HeaderName, HeaderValue};
use http::{Method, Request, Uri};
use lineshaft_model::connection::http::HttpConnection;
use lineshaft_model::connection::odata::{OdataConnection, Version};
use lineshaft_model::fault::{Code, Fault};
use lineshaft_model::tree::{Path, Tree};

use crate::contract::Surroundings;
use crate::http::client::HttpClient;
use crate::http::destination::{header_name, header_value};

/// A service.
pub(super) struct Service {
    pub(super) client: HttpClient,
    pub(super) version: Version,
    headers: Vec<(HeaderName, HeaderValue)>,
}

impl Service {
    /// Reads the settings. Connects to nothing yet.
    ///
    /// # Errors
    /// `PROJECT-001` for a setting that cannot be used, `DELIVER-011` for a secret that cannot be resolved.
    pub(super) fn open(surroundings: &Surroundings, connection: &OdataConnection) -> Result<Self, Fault> {
        let http = HttpConnection {
            url: Some(connection.url.clone()),
            auth: connection.auth.clone(),
            tls: connection.tls.clone(),
            timeout_secs: connection.timeout_secs,
            answer_bytes_max: connection.answer_bytes_max,
        };
        let mut headers = Vec::with_capacity(connection.headers.len() + 2);
        for (name, value) in &connection.headers {
            let name = header_name(name)?;
            let value = header_value(&name, value).map_err(|fault| Fault { code: Code::ProjectFile, ..fault })?;
            headers.push((name, value));
        }
        let (name, most) = match connection.version {
            Version::V2 => ("maxdataserviceversion", "2.0"),
            Version::V4 => ("odata-maxversion", "4.01"),
        };
        headers.push((HeaderName::from_static(name), HeaderValue::from_static(most)));
        headers.push((ACCEPT, HeaderValue::from_static("application/json")));
        Ok(Self { client: HttpClient::open(surroundings, &http)?, version: connection.version, headers })
    }

    /// A request with the headers that all have.
    pub(super) fn request(&self, method: Method, uri: Uri, body: Bytes) -> Request<Bytes> {
        let mut request = Request::new(body);
        *request.method_mut() = method;
        *request.uri_mut() = uri;
        for (name, value) in &self.headers {
            request.headers_mut().insert(name, value.clone());
        }
        request
    }

    /// Paths of fields of the one entity in an answer.
    ///
    /// # Errors
    /// `PROJECT-001` for a name that cannot be a field's.
    pub(super) fn fields_of_entity(&self, names: &[String]) -> Result<Vec<Path>, Fault> {
        fields(names, if self.version == Version::V2 { ".d" } else { "" })
    }

    /// Paths of fields of the first row in an answer.
    ///
    /// # Errors
    /// As for [`Self::fields_of_entity`].
    pub(super) fn fields_of_first_row(&self, names: &[String]) -> Result<Vec<Path>, Fault> {
        fields(names, self.first_row())
    }

    /// Where the first row of a list stands.
    pub(super) const fn first_row(&self) -> &'static str {
        match self.version {
            Version::V2 => ".d.results[0]",
            Version::V4 => ".value[0]",
        }
    }

    /// The link to the rest of a list that the service broke off.
    pub(super) fn next_link<'t>(&self, answer: &'t Tree) -> Option<&'t str> {
        let link = match self.version {
            Version::V2 => answer.get("d")?.get("__next")?,
            Version::V4 => answer.get("@odata.nextLink").or_else(|| answer.get("@nextLink"))?,
        };
        link.scalar().filter(|link| !link.is_empty())
    }

    /// The state of an entity as `If-Match` names it.
    pub(super) fn etag<'t>(&self, entity: &'t Tree) -> Option<&'t str> {
        let etag = match self.version {
            Version::V2 => entity.get("__metadata")?.get("etag")?,
            Version::V4 => entity.get("@odata.etag").or_else(|| entity.get("@etag"))?,
        };
        etag.scalar().filter(|etag| !etag.is_empty())
    }

    /// The one entity of an answer.
    pub(super) fn entity<'t>(&self, answer: &'t Tree) -> Option<&'t Tree> {
        match self.version {
            Version::V2 => answer.get("d"),
            Version::V4 => Some(answer),
        }
    }
}

fn fields(names: &[String], entity: &str) -> Result<Vec<Path>, Fault> {
    let read = |name: &String| Path::parse(&format!("{entity}.{name}"));
    names.iter().map(read).collect::<Result<_, _>>().map_err(|why| Fault::new(Code::ProjectFile, why))
}
