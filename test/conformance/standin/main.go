// Command standin takes the place of a cluster's nodes, for conformance suites that make pods and run agnhost in them. It registers
// nodes, binds pods to them and reports these running, and answers their exec endpoint. No container runs and no packet
// is sent: whether a connection is made is decided by package kube, from the objects that the API server has at that moment.
//
//	standin --kubeconfig FILE --listen 127.0.0.1:PORT --execs FILE [--ipv6]
//
// Each exec is written to the file as one line of JSON. One that could not be decided is there as an error, and a run with
// such lines has failed, whatever its suite says: for suites an exec that failed is the same as a connection that was denied.
package main

import (
	"context"
	"flag"
	"fmt"
	"net"
	"os"
	"os/signal"
	"strconv"
	"syscall"

	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/clientcmd"
)

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "standin:", err)
		os.Exit(1)
	}
}

func run() error {
	kubeconfig := flag.String("kubeconfig", "", "how to reach the API server")
	listen := flag.String("listen", "127.0.0.1:0", "where the exec endpoint of all nodes listens")
	execs := flag.String("execs", "", "file to append a line to for each exec")
	ipv6 := flag.Bool("ipv6", false, "IPv6 addresses come first")
	flag.Parse()

	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	config, err := clientcmd.BuildConfigFromFlags("", *kubeconfig)
	if err != nil {
		return err
	}
	config.QPS, config.Burst = -1, -1
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		return err
	}
	record, err := os.OpenFile(*execs, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	defer record.Close()
	l, err := net.Listen("tcp", *listen)
	if err != nil {
		return err
	}
	_, text, err := net.SplitHostPort(l.Addr().String())
	if err != nil {
		return err
	}
	port, err := strconv.Atoi(text)
	if err != nil {
		return err
	}

	addresses := &addresses{sixFirst: *ipv6}
	endpoint := &endpoint{network: &network{client: client.Discovery().RESTClient()}, record: record}
	ended := make(chan error, 1)
	go func() { ended <- endpoint.serve(ctx, l) }() // ends with ctx
	if err := registerNodes(ctx, client, addresses, int32(port)); err != nil {
		return err
	}
	go func() { ended <- runPods(ctx, client, addresses) }() // ends with ctx
	err = <-ended
	if ctx.Err() != nil {
		return nil
	}
	return err
}
