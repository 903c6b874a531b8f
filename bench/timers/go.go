// go.go - a storm of sleeps spread over one second; and a timer that is set and taken back.
//
// arm_cancel uses one timer again and again, as Weft does with its scope; a new timer each time
// would cost Go an allocation more.
//
// SPDX-License-Identifier: MIT
package main

import (
	"fmt"
	"os"
	"runtime"
	"strconv"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

var worstLate int64

func noteWorst(late int64) {
	for {
		seen := atomic.LoadInt64(&worstLate)
		if late <= seen || atomic.CompareAndSwapInt64(&worstLate, seen, late) {
			return
		}
	}
}

func cpu() float64 {
	var u syscall.Rusage
	syscall.Getrusage(syscall.RUSAGE_SELF, &u)
	return float64(u.Utime.Nano()+u.Stime.Nano()) / 1e9
}

// The i-th sleep; the formula of bench_spread in common/bench.h.
func spread(i int) time.Duration {
	return time.Duration(uint64(uint32(i)*2654435761) * 1000000000 >> 32)
}

func storm(n int) float64 {
	var all sync.WaitGroup
	before := cpu()
	worstLate = 0
	all.Add(n)
	for i := 0; i < n; i++ {
		go func(d time.Duration) {
			start := time.Now()
			time.Sleep(d)
			noteWorst(int64(time.Since(start) - d))
			all.Done()
		}(spread(i))
	}
	all.Wait()
	return cpu() - before
}

func arm(n int) time.Duration {
	timer := time.NewTimer(time.Second)
	timer.Stop()
	start := time.Now()
	for i := 0; i < n; i++ {
		timer.Reset(time.Second)
		timer.Stop()
	}
	return time.Since(start)
}

func main() {
	workers, _ := strconv.Atoi(os.Args[2])
	n, _ := strconv.Atoi(os.Args[3])
	runtime.GOMAXPROCS(workers)
	if os.Args[1] == "storm" {
		storm(1000)
		fmt.Printf("cpu %.6g s\n", storm(n))
		fmt.Printf("late %.6g ms\n", float64(worstLate)/1e6)
		return
	}
	arm(n/10 + 1)
	fmt.Printf("arm_cancel %.6g ns\n", float64(arm(n).Nanoseconds())/float64(n))
}
