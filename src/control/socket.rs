//! The control socket: HTTP/1.1 on a Unix listener, in the words of `api`. Whoever may open the socket may ask, and must
//! not be able to make flowpin slow or large: connections, their lives, questions and lists at once are bounded.
//! Must never know: how an answer is gathered; that is `report`.

mod connections;
mod server;

pub use server::Server;

use super::report::{Page, Sources};
use crate::api::{FlowQuery, PrefixCommand, WanCommand};
use crate::config::settings::Control;
use axum::body::{Body, Bytes};
use axum::extract::rejection::{JsonRejection, QueryRejection};
use axum::extract::{DefaultBodyLimit, Query, State};
use axum::http::{StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use connections::Connections;
use futures_util::stream;
use nix::unistd::Group;
use std::convert::Infallible;
use std::fs::{self, DirBuilder, Permissions};
use std::future::Future;
use std::io;
use std::os::unix::fs::{DirBuilderExt, FileTypeExt, PermissionsExt, chown};
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Lists of flows at once, from the first look at the table until the last byte is read.
const LISTINGS: usize = 2;
/// How long one more waits for its turn.
const TURN: Duration = Duration::from_secs(5);
/// Bytes of a command at the most.
const LONGEST_COMMAND: usize = 16 << 10;

/// A bound control socket; dropping it takes it away again.
#[derive(Debug)]
pub struct ControlSocket {
    listener: Option<UnixListener>,
    path: PathBuf,
}

impl ControlSocket {
    /// Binds the socket with its final owner and mode (0600, or 0660 with a group): it is made in a private directory
    /// and moved into place, so that at no time more users can open it than may. A stale socket is replaced; the caller
    /// holds the lock that says no other instance lives.
    ///
    /// # Errors
    /// One sentence for the operator.
    pub fn bind(control: &Control) -> Result<Self, String> {
        let path = control.socket.clone();
        let cannot =
            |what: &str, error: io::Error| format!("cannot {what} the control socket {}: {error}", path.display());
        let group = control.group.as_deref().map(group_id).transpose()?;
        let parent = path.parent().unwrap_or(Path::new("/"));
        if fs::symlink_metadata(&path).is_ok_and(|found| !found.file_type().is_socket()) {
            return Err(format!(
                "{} is in the way of the control socket and is not a socket: remove it, or change `socket` in [control]",
                path.display()
            ));
        }
        let nursery = parent.join(format!(".flowpin-{}", std::process::id()));
        DirBuilder::new().mode(0o700).recursive(true).create(&nursery).map_err(|error| cannot("prepare", error))?;
        let listener = bind_in(&nursery, &path, group);
        // Empty by now, or bind_in failed and says so.
        let _ = fs::remove_file(nursery.join("s"));
        let _ = fs::remove_dir(&nursery);
        Ok(Self { listener: Some(listener.map_err(|error| cannot("bind", error))?), path })
    }

    /// Removes the socket of a run that was killed; the caller holds the lock that says so.
    pub fn remove_stale(path: &Path) {
        if fs::symlink_metadata(path).is_ok_and(|found| found.file_type().is_socket()) {
            // Whoever binds there next says what is wrong.
            let _ = fs::remove_file(path);
        }
    }

    /// Answers until `stop` resolves, then finishes what is being answered.
    ///
    /// # Errors
    /// The listener broke.
    pub async fn serve(
        &mut self,
        sources: Arc<Sources>,
        stop: impl Future<Output = ()> + Send + 'static,
    ) -> io::Result<()> {
        let Some(listener) = self.listener.take() else { return Ok(()) };
        let connections = Connections::new(tokio::net::UnixListener::from_std(listener)?);
        axum::serve(connections, router(sources)).with_graceful_shutdown(stop).await
    }
}

impl Drop for ControlSocket {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.path);
    }
}

fn bind_in(nursery: &Path, path: &Path, group: Option<u32>) -> io::Result<UnixListener> {
    let newborn = nursery.join("s");
    let _ = fs::remove_file(&newborn);
    let listener = UnixListener::bind(&newborn)?;
    listener.set_nonblocking(true)?;
    fs::set_permissions(&newborn, Permissions::from_mode(if group.is_some() { 0o660 } else { 0o600 }))?;
    if group.is_some() {
        chown(&newborn, None, group)?;
    }
    fs::rename(&newborn, path)?;
    Ok(listener)
}

/// The id of a group of this machine, by name or as a number.
///
/// # Errors
/// One sentence.
pub(super) fn group_id(name: &str) -> Result<u32, String> {
    if let Ok(number) = name.parse() {
        return Ok(number);
    }
    let found = Group::from_name(name).map_err(|error| format!("cannot look for the group {name}: {error}"))?;
    found.map(|group| group.gid.as_raw()).ok_or_else(|| {
        format!("there is no group {name} (`group` in [control]): make it with `groupadd --system {name}`, or leave the key out")
    })
}

/// What the answers are made of.
#[derive(Clone)]
struct Desk {
    sources: Arc<Sources>,
    listings: Arc<Semaphore>,
}

fn router(sources: Arc<Sources>) -> Router {
    Router::new()
        .route("/v1/status", get(status))
        .route("/v1/flows", get(flows))
        .route("/v1/wan", post(wan))
        .route("/v1/wan/prefix", post(prefix))
        .route("/v1/down", post(down))
        .fallback(unknown)
        .method_not_allowed_fallback(not_so)
        .layer(DefaultBodyLimit::max(LONGEST_COMMAND))
        .with_state(Desk { sources, listings: Arc::new(Semaphore::new(LISTINGS)) })
}

async fn status(State(desk): State<Desk>) -> Response {
    Json(desk.sources.status()).into_response()
}

async fn flows(State(desk): State<Desk>, query: Result<Query<FlowQuery>, QueryRejection>) -> Response {
    let query = match query {
        Ok(Query(query)) => query,
        Err(rejection) => return refuse(StatusCode::BAD_REQUEST, &rejection.body_text()),
    };
    let filter = match desk.sources.filter(&query) {
        Ok(filter) => filter,
        Err(sentence) => return refuse(StatusCode::BAD_REQUEST, &sentence),
    };
    let Ok(Ok(turn)) = tokio::time::timeout(TURN, desk.listings.acquire_owned()).await else {
        return refuse(StatusCode::SERVICE_UNAVAILABLE, "others are listing flows: try again in a moment");
    };
    let gather = move || (desk.sources.page(&filter), turn);
    match tokio::task::spawn_blocking(gather).await {
        Ok((page, turn)) => list(page, turn),
        Err(error) => refuse(StatusCode::INTERNAL_SERVER_ERROR, &format!("the list came to nothing: {error}")),
    }
}

/// Each piece of a page is written when the client has taken those before; the turn ends with the last.
fn list(page: Page, turn: OwnedSemaphorePermit) -> Response {
    let pieces = page.pieces().map(move |piece| {
        let _until_the_end = &turn;
        Ok::<_, Infallible>(Bytes::from(piece))
    });
    let json = [(header::CONTENT_TYPE, "application/json")];
    (json, Body::from_stream(stream::iter(pieces))).into_response()
}

/// It ends as soon as this is answered.
async fn down(State(desk): State<Desk>) -> Response {
    desk.sources.end();
    StatusCode::ACCEPTED.into_response()
}

async fn wan(State(desk): State<Desk>, command: Result<Json<WanCommand>, JsonRejection>) -> Response {
    let command = match command {
        Ok(Json(command)) => command,
        Err(rejection) => return refuse(StatusCode::BAD_REQUEST, &rejection.body_text()),
    };
    match desk.sources.treat(command).await {
        Ok(wan) => Json(wan).into_response(),
        Err(sentence) => refuse(StatusCode::BAD_REQUEST, &sentence),
    }
}

async fn prefix(State(desk): State<Desk>, command: Result<Json<PrefixCommand>, JsonRejection>) -> Response {
    let command = match command {
        Ok(Json(command)) => command,
        Err(rejection) => return refuse(StatusCode::BAD_REQUEST, &rejection.body_text()),
    };
    match desk.sources.set_prefix(command).await {
        Ok(wan) => Json(wan).into_response(),
        Err(sentence) => refuse(StatusCode::BAD_REQUEST, &sentence),
    }
}

async fn unknown(uri: Uri) -> Response {
    refuse(StatusCode::NOT_FOUND, &format!("there is no {}: ask /v1/status or /v1/flows, or tell /v1/wan", uri.path()))
}

async fn not_so() -> Response {
    refuse(StatusCode::METHOD_NOT_ALLOWED, "/v1/wan and /v1/wan/prefix take POST, everything else GET")
}

fn refuse(code: StatusCode, sentence: &str) -> Response {
    (code, Json(serde_json::json!({ "error": sentence }))).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::control::report::sample;
    use std::os::unix::fs::MetadataExt;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::UnixStream;

    /// A directory of its own that goes away.
    struct Place(PathBuf);

    impl Place {
        fn new(name: &str) -> Self {
            let path = std::env::temp_dir().join(format!("flowpin-socket-{name}-{}", std::process::id()));
            fs::create_dir_all(&path).unwrap();
            Self(path)
        }

        fn control(&self, group: Option<&str>) -> Control {
            Control { socket: self.0.join("control.sock"), group: group.map(str::to_owned) }
        }
    }

    impl Drop for Place {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.0);
        }
    }

    async fn ask(socket: &Path, request: &str) -> String {
        let mut stream = UnixStream::connect(socket).await.unwrap();
        stream.write_all(format!("{request} HTTP/1.0\r\nHost: flowpin\r\n\r\n").as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        answer
    }

    #[tokio::test]
    async fn questions_are_answered_and_bad_ones_told_in_json() {
        let place = Place::new("answers");
        let control = place.control(None);
        let mut socket = ControlSocket::bind(&control).unwrap();
        let server =
            tokio::spawn(async move { socket.serve(Arc::new(sample::sources(1)), std::future::pending()).await });
        let path = &control.socket;
        assert!(ask(path, "GET /v1/status").await.contains(r#""config":"flowpin.toml""#));
        assert!(ask(path, "GET /v1/flows?limit=5&protocol=udp").await.ends_with(r#"{"matched":0,"flows":[]}"#));
        let unknown = ask(path, "GET /v1/flows?wan=dsl").await;
        assert!(
            unknown.starts_with("HTTP/1.0 400") && unknown.contains(r#"{"error":"no WAN is named \"dsl\""#),
            "{unknown}"
        );
        for bad in ["port=http", "host=nobody", "colour=red"] {
            let answer = ask(path, &format!("GET /v1/flows?{bad}")).await;
            assert!(answer.starts_with("HTTP/1.0 400") && answer.contains(r#"{"error":"#), "{answer}");
        }
        assert!(ask(path, "GET /v2/status").await.starts_with("HTTP/1.0 404"));
        assert!(ask(path, "POST /v1/status").await.starts_with("HTTP/1.0 405"));
        server.abort();
        let _ = server.await;
        assert!(!path.exists(), "it takes itself away");
    }

    #[tokio::test]
    async fn only_the_owner_and_the_group_may_ask() {
        let place = Place::new("modes");
        let mode = |control: &Control| {
            let socket = ControlSocket::bind(control).unwrap();
            let found = fs::metadata(&control.socket).unwrap();
            drop(socket);
            (found.mode() & 0o777, found.gid())
        };
        let own = fs::metadata(&place.0).unwrap().gid();
        assert_eq!(mode(&place.control(None)), (0o600, own));
        assert_eq!(mode(&place.control(Some(&own.to_string()))), (0o660, own));
        assert!(ControlSocket::bind(&place.control(Some("no-such-group"))).unwrap_err().contains("groupadd"));
    }

    #[tokio::test]
    async fn a_stale_socket_is_replaced_and_a_file_is_not() {
        let place = Place::new("stale");
        let control = place.control(None);
        drop(std::os::unix::net::UnixListener::bind(&control.socket).unwrap());
        drop(ControlSocket::bind(&control).unwrap());
        fs::write(&control.socket, "precious").unwrap();
        assert!(ControlSocket::bind(&control).unwrap_err().contains("is not a socket"));
        assert_eq!(fs::read_to_string(&control.socket).unwrap(), "precious");
        assert_eq!(fs::read_dir(&place.0).unwrap().count(), 1, "nothing is left beside it");
    }

    #[test]
    fn a_group_is_found_by_its_whole_name_or_its_number() {
        assert_eq!((group_id("root"), group_id("7")), (Ok(0), Ok(7)));
        assert!(group_id("roo").is_err());
    }
}
