// go.go - an HTTP server with one answer, on net/http.
//
// SPDX-License-Identifier: MIT
package main

import (
	"io"
	"net/http"
	"os"
	"runtime"
	"strconv"
)

func main() {
	workers, _ := strconv.Atoi(os.Args[2])
	runtime.GOMAXPROCS(workers)
	http.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/plain")
		io.WriteString(w, "Hello, world\n")
	})
	panic(http.ListenAndServe("127.0.0.1:"+os.Args[3], nil))
}
