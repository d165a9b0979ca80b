package interop;

import static interop.Expect.equal;

import java.util.HashMap;
import java.util.Map;
import java.util.UUID;
import org.apache.dubbo.rpc.RpcContext;

/** What travels beside arguments and results. */
final class AttachmentCases {
  private final Suite suite;

  AttachmentCases(Session session) {
    suite = session.suite();
  }

  void addTo(Map<String, Expect.Action> cases) {
    cases.put("attachments", this::attachments);
    cases.put("long-attachments", this::longAttachments);
    cases.put("object-attachments", this::objectAttachments);
    cases.put("attachments-end", this::attachmentsEnd);
  }

  private void attachments() {
    check(new HashMap<>(Map.of("x-plain", "1", "x-empty", "", "x-漢字", "naïve 🦀")));
  }

  private void longAttachments() {
    Map<String, String> sent = new HashMap<>();
    sent.put("x-long", Values.text(16_384));
    sent.put("x-longer", "x".repeat(20_000));
    sent.put("x-" + "key".repeat(1000), "of a long key");
    for (int i = 0; i < 50; i++) {
      sent.put("x-" + i, "value " + i);
    }
    check(sent);
  }

  /** The provider sees them, and the answer has them. */
  private void check(Map<String, String> sent) {
    String key = UUID.randomUUID().toString();
    sent.put("x-key", key);
    sent.forEach((name, value) -> RpcContext.getContext().setAttachment(name, value));
    equal(seen(), sent);
    Map<String, String> answered = AnswerAttachments.of(key);
    sent.forEach((name, value) -> equal(answered.get("y-" + name.substring(2)), value));
  }

  /** Attachments that are not strings stay as they are, and so do those around them. */
  private void objectAttachments() {
    RpcContext.getContext().setAttachment("x-before", "1");
    RpcContext.getContext().setAttachment("order", Values.order(1));
    RpcContext.getContext().setAttachment("number", (Object) 5L);
    RpcContext.getContext().setAttachment("list", Values.list("a", 1, null));
    RpcContext.getContext().setAttachment("x-after", "2");
    equal(seen(), Map.of("x-before", "1", "x-after", "2"));
  }

  /** One call's attachments are not the next one's. */
  private void attachmentsEnd() {
    RpcContext.getContext().setAttachment("x-once", "1");
    equal(seen(), Map.of("x-once", "1"));
    equal(seen(), Map.of());
  }

  private Map<String, String> seen() {
    try {
      return suite.attachments();
    } finally {
      // 2.7 keeps them for the thread's next call.
      RpcContext.removeContext();
    }
  }
}
