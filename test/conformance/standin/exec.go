package main

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"os"
	"sync"
	"time"

	"k8s.io/cri-streaming/pkg/streaming/remotecommand"
	"k8s.io/utils/exec"
)

// endpoint is the exec endpoint of the nodes' kubelets, which the API server passes exec requests to.
type endpoint struct {
	network *network
	mu      sync.Mutex
	record  *os.File
}

// line is what the record says of one exec.
type line struct {
	Time    time.Time `json:"time"`
	From    string    `json:"from"`
	Command []string  `json:"command"`
	To      []string  `json:"to,omitempty"` // the pods that the address leads to
	Verdict string    `json:"verdict,omitempty"`
	Stderr  string    `json:"stderr,omitempty"`
	Chain   []string  `json:"chain,omitempty"`
	Error   string    `json:"error,omitempty"`
}

// serve answers until ctx ends.
func (e *endpoint) serve(ctx context.Context, l net.Listener) error {
	certificate, err := selfSigned()
	if err != nil {
		return err
	}
	mux := http.NewServeMux()
	mux.HandleFunc("/exec/{namespace}/{pod}/{container}", e.exec)
	mux.HandleFunc("/exec/{namespace}/{pod}/{uid}/{container}", e.exec)
	server := &http.Server{Handler: mux, TLSConfig: &tls.Config{Certificates: []tls.Certificate{certificate}}, ReadHeaderTimeout: time.Minute}
	// SPDY takes over the connection, which HTTP/2 does not let it.
	server.Protocols = new(http.Protocols)
	server.Protocols.SetHTTP1(true)
	context.AfterFunc(ctx, func() { server.Close() })
	return server.ServeTLS(l, "", "")
}

func (e *endpoint) exec(w http.ResponseWriter, r *http.Request) {
	options, err := remotecommand.NewOptions(r)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	p := process{e, r.PathValue("namespace")}
	remotecommand.ServeExec(w, r, p, r.PathValue("pod"), r.PathValue("uid"), r.PathValue("container"), r.URL.Query()["command"], options,
		time.Minute, time.Minute, remotecommand.SupportedStreamingProtocols)
}

// process is one command in a pod.
type process struct {
	*endpoint
	namespace string
}

// ExecInContainer is agnhost connect, but for the time: one that times out does so at once.
func (p process) ExecInContainer(ctx context.Context, pod, _, _ string, command []string, _ io.Reader, _, stderr io.WriteCloser, _ bool, _ <-chan remotecommand.TerminalSize, _ time.Duration) error {
	l := line{Time: time.Now(), From: p.namespace + "/" + pod, Command: command}
	a, err := p.run(ctx, pod, &l)
	l.Stderr = string(a)
	if err != nil {
		l.Error = err.Error()
	}
	if err := p.write(l); err != nil {
		return err
	}
	switch {
	case err != nil:
		return err
	case a == connects:
		return nil
	}
	if stderr != nil {
		if _, err := io.WriteString(stderr, string(a)); err != nil {
			return err
		}
	}
	return exec.CodeExitError{Err: fmt.Errorf("exit status 1"), Code: 1}
}

// run decides, and says in the line by what.
func (p process) run(ctx context.Context, pod string, l *line) (answer, error) {
	c, err := parse(l.Command)
	if err != nil {
		return "", err
	}
	s, err := p.network.now(ctx)
	if err != nil {
		return "", err
	}
	a, d, err := s.connect(p.namespace, pod, c)
	l.To = s.reached(c)
	l.Verdict = d.Verdict.String()
	for _, x := range d.Chain {
		l.Chain = append(l.Chain, x.String())
	}
	return a, err
}

func (e *endpoint) write(l line) error {
	text, err := json.Marshal(l)
	if err != nil {
		return err
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	_, err = e.record.Write(append(text, '\n'))
	return err
}

// selfSigned is a certificate that nobody verifies: the API server is told no authority for its kubelets.
func selfSigned() (tls.Certificate, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return tls.Certificate{}, err
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().AddDate(0, 0, 1), DNSNames: []string{"localhost"},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, err
}
