// go.go - goroutines that wake each millisecond, beside ones that compute without letting go.
//
// A hog calls the clock all the time, as those of the other peers do; Go preempts it by a signal
// after 10 ms.
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
	"time"
)

const others = 20
const burst = 50 * time.Millisecond

var worst int64

func noteWorst(late int64) {
	for {
		seen := atomic.LoadInt64(&worst)
		if late <= seen || atomic.CompareAndSwapInt64(&worst, seen, late) {
			return
		}
	}
}

func hog(ends time.Time, all *sync.WaitGroup) {
	for time.Now().Before(ends) {
		for until := time.Now().Add(burst); time.Now().Before(until); {
		}
		runtime.Gosched()
	}
	all.Done()
}

func other(ends time.Time, all *sync.WaitGroup) {
	for time.Now().Before(ends) {
		start := time.Now()
		time.Sleep(time.Millisecond)
		noteWorst(int64(time.Since(start) - time.Millisecond))
	}
	all.Done()
}

func run(hogs int, length time.Duration) {
	var all sync.WaitGroup
	worst = 0
	ends := time.Now().Add(length)
	all.Add(others + hogs)
	for i := 0; i < others; i++ {
		go other(ends, &all)
	}
	for i := 0; i < hogs; i++ {
		go hog(ends, &all)
	}
	all.Wait()
}

func main() {
	workers, _ := strconv.Atoi(os.Args[2])
	n, _ := strconv.Atoi(os.Args[3])
	runtime.GOMAXPROCS(workers)
	hogs := 1
	if os.Args[1] == "all" {
		hogs = workers
	}
	run(hogs, time.Duration(n/10+1)*time.Millisecond)
	run(hogs, time.Duration(n)*time.Millisecond)
	fmt.Printf("%s %.6g ms\n", os.Args[1], float64(worst)/1e6)
}
