// go.go - lock, count, unlock: one goroutine alone, and four on one mutex.
// SPDX-License-Identifier: MIT
package main

import (
	"fmt"
	"os"
	"runtime"
	"strconv"
	"sync"
	"time"
)

var mutex sync.Mutex
var counter int

func run(tasks, each int) time.Duration {
	var all sync.WaitGroup
	counter = 0
	start := time.Now()
	all.Add(tasks)
	for i := 0; i < tasks; i++ {
		go func() {
			for j := 0; j < each; j++ {
				mutex.Lock()
				counter++
				mutex.Unlock()
			}
			all.Done()
		}()
	}
	all.Wait()
	elapsed := time.Since(start)
	if counter != each*tasks {
		panic("the mutex does not exclude")
	}
	return elapsed
}

func main() {
	name, tasks := os.Args[1], 1
	workers, _ := strconv.Atoi(os.Args[2])
	n, _ := strconv.Atoi(os.Args[3])
	runtime.GOMAXPROCS(workers)
	if name == "mutex4" {
		tasks = 4
	}
	each := n / tasks
	run(tasks, each/10+1)
	fmt.Printf("%s %.6g ns\n", name, float64(run(tasks, each).Nanoseconds())/float64(each*tasks))
}
