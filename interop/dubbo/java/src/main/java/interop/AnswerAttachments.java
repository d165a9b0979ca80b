package interop;

import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import org.apache.dubbo.common.constants.CommonConstants;
import org.apache.dubbo.common.extension.Activate;
import org.apache.dubbo.rpc.Filter;
import org.apache.dubbo.rpc.Invocation;
import org.apache.dubbo.rpc.Invoker;
import org.apache.dubbo.rpc.Result;

/** Keeps the attachments of the answer to a call that has the attachment `x-key`. */
@Activate(group = CommonConstants.CONSUMER)
public class AnswerAttachments implements Filter, Filter.Listener {
  private static final Map<String, Map<String, String>> KEPT = new ConcurrentHashMap<>();

  /** Those of the answer to the call with this `x-key`. */
  static Map<String, String> of(String key) {
    return KEPT.remove(key);
  }

  @Override
  public Result invoke(Invoker<?> invoker, Invocation invocation) {
    return invoker.invoke(invocation);
  }

  @Override
  public void onResponse(Result answer, Invoker<?> invoker, Invocation invocation) {
    String key = invocation.getAttachment("x-key");
    if (key != null) {
      KEPT.put(key, answer.getAttachments());
    }
  }

  @Override
  public void onError(Throwable error, Invoker<?> invoker, Invocation invocation) {}
}
