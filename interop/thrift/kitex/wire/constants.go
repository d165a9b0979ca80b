package wire

import "suite/suite"

// The generator of Kitex's code reads -1e100 as 100.
func init() {
	suite.CONTAINERS.Reals[2] = -1e100
}
