module interop

go 1.26

require (
	github.com/apache/thrift v0.25.0
	suite v0.0.0
)

// The generated package; run.sh makes it.
replace suite => ../../.work/gen/go/suite
