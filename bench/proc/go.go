// go.go - run the program `true` and take what it says, on os/exec.
//
// SPDX-License-Identifier: MIT
package main

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"sync"
	"time"
)

func runAll(n int, atOnce int) float64 {
	each := n/atOnce + 1
	var all sync.WaitGroup
	all.Add(atOnce)
	start := time.Now()
	for i := 0; i < atOnce; i++ {
		go func() {
			for i := 0; i < each; i++ {
				var out, err bytes.Buffer
				command := exec.Command("true")
				command.Stdout, command.Stderr = &out, &err
				if failed := command.Run(); failed != nil {
					panic(failed)
				}
			}
			all.Done()
		}()
	}
	all.Wait()
	return float64(time.Since(start).Nanoseconds()) / 1e3 / float64(each*atOnce)
}

func main() {
	atOnce, _ := strconv.Atoi(os.Args[1])
	workers, _ := strconv.Atoi(os.Args[2])
	n, _ := strconv.Atoi(os.Args[3])
	runtime.GOMAXPROCS(workers)
	runAll(n/10, atOnce)
	fmt.Printf("proc %.6g us\n", runAll(n, atOnce))
}
