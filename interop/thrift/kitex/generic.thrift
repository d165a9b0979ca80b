// The suite's methods with one argument: Kitex's generic calls know no others.

include "../suite.thrift"

service Suite {
  bool echoBool(1: bool v),
  i64 echoI64(1: i64 v),
  double echoDouble(1: double v),
  string echoString(1: string v),
  binary echoBinary(1: binary v),
  suite.Colour echoColour(1: suite.Colour v),
  suite.Scalars echoScalars(1: suite.Scalars v),
  suite.Optionals echoOptionals(1: suite.Optionals v),
  suite.Choice echoChoice(1: suite.Choice v),
  suite.Containers echoContainers(1: suite.Containers v),
  i32 slow(1: i32 ms),
  void refuse(1: i32 code) throws (1: suite.Refused refused),
  oneway void notify(1: string key),
  i32 notified(1: string key),
}
