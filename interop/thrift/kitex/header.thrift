// What only Kitex's own header carries. Its servers serve this beside the suite.

namespace go header

service Header {
  // What the server knows of the call beside its arguments.
  map<string, string> seen(),

  // Fails for a reason of the business: a status, which is no exception.
  string decline(1: i32 code),

  // Waits until the call's deadline and counts it; `expired` tells the count.
  void expire(1: string key),
  i32 expired(1: string key),
}
