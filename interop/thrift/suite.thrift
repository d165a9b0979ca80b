// The service that every client calls on every server. The constants are the
// values that both sides know: what one library writes, another compares.

namespace go suite
namespace java suite
namespace py suite

enum Colour {
  RED = 1,
  GREEN = 2,
  NIGHT = 1000000,
}

struct Scalars {
  1: bool yes,
  2: bool no,
  3: i8 tiny,
  4: i16 small,
  5: i32 medium,
  6: i64 large,
  7: double real,
  8: string text,
  9: Colour colour,
  // Further from its neighbour than a compact field header's four-bit delta reaches.
  200: i64 far,
  // Field ids need not ascend, nor be written in order.
  100: bool late,
}

struct Pair {
  1: bool left,
  2: bool right,
}

struct Optionals {
  1: required string name,
  2: optional i32 count,
  3: optional string note = "as declared",
  4: optional bool flag,
  5: i32 plain = 7,
  6: optional Scalars inner,
}

union Choice {
  1: i32 number,
  2: string text,
  3: list<bool> flags,
  4: Scalars scalars,
}

struct Containers {
  1: list<map<string, set<i32>>> nested,
  2: list<bool> flags,
  3: map<i32, bool> answers,
  4: set<bool> both,
  5: list<list<bool>> grid,
  6: map<string, list<Pair>> structs,
  7: set<string> names,
  8: map<Colour, string> colours,
  9: list<double> reals,
  10: map<i64, map<i16, bool>> deep,
}

// As deep as one makes it.
struct Deep {
  1: i32 depth,
  2: list<bool> flags,
  3: optional Deep inner,
  4: list<Deep> more,
}

exception Refused {
  1: i32 code,
  2: string reason,
  3: list<bool> hints,
}

const Scalars SCALARS = {
  "yes": true,
  "no": false,
  "tiny": -128,
  "small": -32768,
  "medium": -2147483648,
  "large": -9223372036854775808,
  "real": -2.5,
  "text": "naïve 漢字 🦀",
  "colour": Colour.NIGHT,
  "far": 9223372036854775807,
  "late": true,
}

const Containers CONTAINERS = {
  "nested": [{"a": [1, -2, 3], "": []}, {}, {"ß": [2147483647]}],
  "flags": [true, false, true],
  "answers": {-1: true, 0: false, 70000: true},
  "both": [false, true],
  "grid": [[], [true], [false, false, true]],
  "structs": {"none": [], "two": [{"left": true, "right": false}, {"left": false, "right": true}]},
  "names": ["x", "漢字", "🦀"],
  "colours": {Colour.RED: "red", Colour.NIGHT: "night"},
  "reals": [0.0, 1.5, -1e100],
  "deep": {1099511627776: {-3: false, 4: true}},
}

service Suite {
  void ping(),
  string name(),

  bool echoBool(1: bool v),
  i8 echoI8(1: i8 v),
  i16 echoI16(1: i16 v),
  i32 echoI32(1: i32 v),
  i64 echoI64(1: i64 v),
  double echoDouble(1: double v),
  string echoString(1: string v),
  binary echoBinary(1: binary v),
  Colour echoColour(1: Colour v),
  Scalars echoScalars(1: Scalars v),
  Optionals echoOptionals(1: Optionals v),
  Choice echoChoice(1: Choice v),
  Containers echoContainers(1: Containers v),
  Deep echoDeep(1: Deep v),

  // The server's own SCALARS and CONTAINERS.
  Scalars scalars(),
  Containers containers(),

  // "{a} {b} {sum of c}"
  string join(1: i32 a, 2: string b, 3: list<i64> c),

  // Returns `ms` after so many milliseconds.
  i32 slow(1: i32 ms),

  // Throws Refused{code, "refused: {code}", [true, false, true]}.
  void refuse(1: i32 code) throws (1: Refused refused),

  // Fails with an exception that is not declared.
  void fail(),

  // Counts a call with `key`; `notified` tells the count.
  oneway void notify(1: string key),
  i32 notified(1: string key),

  // Answers with `reply` as info headers, and returns the call's; none where the
  // form has no headers.
  map<string, string> headers(1: map<string, string> reply),

  // The servers of Apache's libraries also know `echoUntyped`, which returns any
  // struct. It is made by hand: the compiler here knows no uuid yet.
}

// Known to the clients only.
service Later extends Suite {
  i32 addedLater(1: i32 v),
}

// Multiplexed beside Suite, with a method of the same name.
service Second {
  string name(),
}
