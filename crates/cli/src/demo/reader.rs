//! ClickHouse as an analyst sees it: a read-only user over HTTP, rows as tab-separated text.

use std::time::Duration;

use anyhow::{Context as _, bail};
use bytes::Bytes;
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::Request;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

/// Bytes of an answer: some millions of rows.
const ANSWER_BYTES_MAX: usize = 512 * 1024 * 1024;
const ANSWER_MAX: Duration = Duration::from_mins(2);

/// Where and as whom to read.
#[derive(Debug, Clone)]
pub(crate) struct Reader {
    pub(crate) address: std::net::SocketAddr,
    pub(crate) user: String,
    pub(crate) password: String,
    pub(crate) database: String,
}

impl Reader {
    /// The rows of a statement, each as its fields' texts.
    pub(crate) async fn rows(&self, sql: &str) -> anyhow::Result<Vec<Vec<String>>> {
        let text =
            tokio::time::timeout(ANSWER_MAX, self.ask(sql)).await.context("ClickHouse does not answer")??;
        Ok(text.lines().map(|line| line.split('\t').map(str::to_owned).collect()).collect())
    }

    async fn ask(&self, sql: &str) -> anyhow::Result<String> {
        let stream = TcpStream::connect(self.address).await.context("cannot reach ClickHouse")?;
        let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
        let driver = tokio::spawn(connection);
        let request = Request::builder()
            .method("POST")
            .uri(format!("/?database={}&default_format=TSV", self.database))
            .header("host", self.address.to_string())
            .header("x-clickhouse-user", &self.user)
            .header("x-clickhouse-key", &self.password)
            .body(Full::new(Bytes::copy_from_slice(sql.as_bytes())))?;
        let answer = sender.send_request(request).await?;
        let status = answer.status();
        let body = Limited::new(answer.into_body(), ANSWER_BYTES_MAX).collect().await;
        driver.abort();
        let body = body.map_err(|error| anyhow::anyhow!("the answer broke off: {error}"))?.to_bytes();
        let text = String::from_utf8_lossy(&body).into_owned();
        if !status.is_success() {
            bail!("ClickHouse says {status}: {}", text.lines().next().unwrap_or_default());
        }
        Ok(text)
    }
}
