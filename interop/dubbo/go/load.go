package main

import (
	"fmt"
	"strconv"
	"sync"
	"time"
)

// load is callers that call and check the answers until told to end.
type load struct {
	mutex                                    sync.Mutex
	callers                                  sync.WaitGroup
	ending                                   bool
	answered, failed, answeredSince, longest int64
	errors                                   map[string]int
}

// loads are those under way, by port.
var loads sync.Map

func startLoad(options map[string]string) error {
	s, err := refer(options)
	if err != nil {
		return err
	}
	count, err := strconv.Atoi(options["threads"])
	if err != nil {
		return err
	}
	l := &load{errors: map[string]int{}}
	loads.Store(options["port"], l)
	for number := range count {
		l.callers.Go(func() { l.call(s, number) })
	}
	return nil
}

func (l *load) call(s *suite, number int) {
	for i := 0; ; i++ {
		want := fmt.Sprint(number, "/", i)
		started := time.Now()
		got, err := s.Slow(ctx, want, 5)
		if err == nil && got != want {
			err = fmt.Errorf("the answer %s to %s", got, want)
		}
		if !l.count(err, time.Since(started).Milliseconds()) {
			return
		}
		if err != nil {
			time.Sleep(20 * time.Millisecond)
		}
	}
}

func (l *load) count(err error, ms int64) bool {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	l.longest = max(l.longest, ms)
	if err == nil {
		l.answered++
		l.answeredSince++
	} else {
		l.failed++
		l.answeredSince = 0
		if len(l.errors) < 20 {
			l.errors[fmt.Sprintf("%.300s", err)]++
		}
	}
	return !l.ending
}

// endLoad says how it went.
func endLoad(options map[string]string) string {
	found, _ := loads.LoadAndDelete(options["port"])
	l := found.(*load)
	l.mutex.Lock()
	l.ending = true
	l.mutex.Unlock()
	l.callers.Wait()
	return fmt.Sprint(l.answered, " ", l.failed, " ", l.answeredSince, " ", l.longest, " ", l.errors)
}
