package main

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/cloudwego/kitex/pkg/kerrors"
	"github.com/cloudwego/kitex/pkg/remote"
)

// loadCases are many calls at once.
var loadCases = map[string]func(*session) error{
	"concurrent":   concurrent,
	"in-flight":    inFlight,
	"out-of-order": outOfOrder,
	"long":         long,
	"load":         load,
	"leave":        leave,
}

// together runs the function so many times at once.
func together(times int, function func(int32) error) error {
	errs := make([]error, times)
	var group sync.WaitGroup
	for number := range errs {
		group.Go(func() { errs[number] = function(int32(number)) })
	}
	group.Wait()
	return errors.Join(errs...)
}

func join(ctx context.Context, conn *connection, number int32, round int) error {
	name := fmt.Sprintf("%d/%d", number, round)
	want := fmt.Sprintf("%d %s %d", number, name, int(number)+round)
	got, err := conn.Join(ctx, number, name, []int64{int64(number), int64(round)})
	if err := returned(want)(got, err); err != nil {
		return fmt.Errorf("client %d: %w", number, err)
	}
	return nil
}

// concurrent runs 32 clients at once, each with a connection of its own.
func concurrent(s *session) error {
	return together(32, func(number int32) error {
		conn, err := connect(s.form)
		if err != nil {
			return err
		}
		defer conn.close()
		for round := range s.rounds {
			if err := join(ctx, conn, number, round); err != nil {
				return err
			}
		}
		return nil
	})
}

// inFlight makes 32 calls at once, again and again, on the connection or its pool.
func inFlight(s *session) error {
	return together(32, func(number int32) error {
		for round := range s.rounds {
			if err := join(ctx, s.conn, number, round); err != nil {
				return err
			}
		}
		return nil
	})
}

// outOfOrder gets answers on one connection while an earlier call waits for its own.
func outOfOrder(s *session) error {
	dialed := s.conn.dialed.Load()
	slow := make(chan error, 1)
	go func() {
		got, err := s.conn.Slow(ctx, 1000)
		slow <- returned(int32(1000))(got, err)
	}()
	time.Sleep(50 * time.Millisecond)
	for _, ms := range []int32{80, 1, 50, 0, 20} {
		got, err := s.conn.Slow(ctx, ms)
		if err := returned(ms)(got, err); err != nil {
			return err
		}
	}
	for round := range 50 {
		if err := join(ctx, s.conn, 0, round); err != nil {
			return err
		}
	}
	select {
	case err := <-slow:
		return errors.Join(err, errors.New("the slow call was answered first"))
	default:
	}
	if more := s.conn.dialed.Load() - dialed; s.form.Mux && more > 1 {
		return fmt.Errorf("%d more connections were opened", more)
	}
	return <-slow
}

// long is four calls at once that take some time, one after the other too.
func long(s *session) error {
	return together(4, func(int32) error {
		got, err := s.conn.Slow(ctx, 1000)
		return returned(int32(1000))(got, err)
	})
}

// load calls for some seconds while servers come and go: each call gets its own answer
// or an exception, and most get the answer.
func load(s *session) error {
	until := time.Now().Add(4 * time.Second)
	var answered, failed atomic.Int32
	err := together(16, func(number int32) error {
		for round := 0; time.Now().Before(until); round++ {
			err := join(ctx, s.conn, number, round)
			if err == nil {
				_, err = s.conn.Slow(ctx, number)
			}
			if err == nil {
				answered.Add(1)
			} else if failed.Add(1); applicationException(err, remote.InternalError) != nil {
				return fmt.Errorf("client %d: %w", number, err)
			} else {
				time.Sleep(50 * time.Millisecond)
			}
		}
		return nil
	})
	if answered.Load() < failed.Load() {
		return errors.Join(err, fmt.Errorf("%d calls failed, %d did not", failed.Load(), answered.Load()))
	}
	return err
}

// leave calls until no connection can be had: no call may fail otherwise.
func leave(s *session) error {
	return together(16, func(number int32) error {
		for round := range 1_000_000 {
			if err := join(ctx, s.conn, number, round); errors.Is(err, kerrors.ErrGetConnection) {
				return nil
			} else if err != nil {
				return err
			}
		}
		return errors.New("nobody ended")
	})
}
