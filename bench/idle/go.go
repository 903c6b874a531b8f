// go.go - what doing nothing costs: N goroutines that sleep, or one trivial one in each
// millisecond.
// SPDX-License-Identifier: MIT
package main

import (
	"fmt"
	"os"
	"runtime"
	"strconv"
	"sync"
	"syscall"
	"time"
)

const seconds = 2

func cpu() float64 {
	var u syscall.Rusage
	syscall.Getrusage(syscall.RUSAGE_SELF, &u)
	return float64(u.Utime.Nano()+u.Stime.Nano()) / 1e9
}

func parked(n int) float64 {
	var all sync.WaitGroup
	wake := make(chan struct{})
	all.Add(n)
	for i := 0; i < n; i++ {
		go func() {
			<-wake
			all.Done()
		}()
	}
	time.Sleep(500 * time.Millisecond)
	used := cpu()
	time.Sleep(seconds * time.Second)
	used = cpu() - used
	close(wake)
	all.Wait()
	return used
}

func eachMs(n int) float64 {
	when, used := time.Now(), cpu()
	for i := 0; i < n; i++ {
		var one sync.WaitGroup
		when = when.Add(seconds * time.Second / time.Duration(n))
		time.Sleep(time.Until(when))
		one.Add(1)
		go one.Done()
		one.Wait()
	}
	return cpu() - used
}

func main() {
	name, used := os.Args[1], 0.0
	workers, _ := strconv.Atoi(os.Args[2])
	n, _ := strconv.Atoi(os.Args[3])
	runtime.GOMAXPROCS(workers)
	if name == "parked" {
		used = parked(n)
	} else {
		used = eachMs(n)
	}
	fmt.Printf("%s %.6g %%\n", name, used/seconds*100)
}
