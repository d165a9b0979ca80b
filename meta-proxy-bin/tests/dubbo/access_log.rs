//! Lines of an access log, of real calls.

use std::{fs, path::PathBuf};

use codec_dubbo::wire::ResponseBuilder;
use meta_proxy::meta_filters::access_log::{AccessLogConfig, LogTarget};

use crate::{
    provider::Provider,
    scene::{Setup, eventually},
    wire::{answer, hello, say},
};

const FORMAT: &str = "%OPERATION% %REQ(interface)%.%REQ(method)% %RESPONSE_CODE% \
    %RESPONSE_FLAGS% %RESPONSE_CODE_DETAILS% %ROUTE_NAME% %UPSTREAM_CLUSTER% %UPSTREAM_HOST%";

/// A file that goes with the test.
struct LogFile(PathBuf);

impl LogFile {
    fn lines(&self) -> Vec<String> {
        let text = fs::read_to_string(&self.0).unwrap_or_default();
        text.lines().map(str::to_owned).collect()
    }
}

impl Drop for LogFile {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}

#[tokio::test]
async fn calls_of_all_kinds_have_their_lines() {
    let name = format!("meta-proxy-dubbo-log-{}", std::process::id());
    let log = LogFile(std::env::temp_dir().join(name));
    let provider = Provider::bind().await;
    let mut setup = Setup::to(&provider);
    let config = AccessLogConfig::new(LogTarget::File(log.0.clone())).text(FORMAT);
    setup.snapshot.listeners[0].chains[0].access_log = vec![config];
    let scene = setup.start().await;
    let mut client = scene.connect().await;

    client.send(say(1, "a")).await;
    let mut upstream = provider.accept().await;
    let call = upstream.next().await;
    upstream.send(answer(&call, "b")).await;
    client.next().await.answer();

    client.send(hello(2).one_way().argument("a").build()).await;
    upstream.next().await;

    client.send(say(3, "a")).await;
    let call = upstream.next().await;
    let exception = ResponseBuilder::exception("no").id(call.id());
    upstream.send(exception.build()).await;
    client.next().await.answer();

    client.send(hello(4).attachment("path", "x").build()).await;
    client.next().await.answer();

    client.send(say(5, "a")).await;
    upstream.next().await;
    drop(upstream);
    client.next().await.answer();

    eventually("all lines", || log.lines().len() == 5).await;
    let lines = log.lines();
    let at = format!("all backend {}", provider.address);
    for (end, line) in [
        format!("0 - via_upstream {at}"),
        format!("0 - via_upstream {at}"),
        format!("1 - via_upstream {at}"),
        "1 DPE bad_request - - -".to_owned(),
        format!("1 UC upstream_reset {at}"),
    ]
    .iter()
    .zip(&lines)
    {
        // Of what was refused unread the name is not known.
        let name = match end.contains("bad_request") {
            true => "- -.-",
            false => "com.example.Greeter/sayHello com.example.Greeter.sayHello",
        };
        assert_eq!(*line, format!("{name} {end}"));
    }
}
