package metrics

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus/promhttp"
	"golang.org/x/net/netutil"
)

// Limits of the server, which anybody may ask who reaches it.
const (
	headerTimeout = 5 * time.Second
	writeTimeout  = 30 * time.Second
	idleTimeout   = 2 * time.Minute // Prometheus asks once a minute by default, on the same connection
	closeTimeout  = time.Second
	maxHeader     = 16 << 10
	maxConns      = 32
	maxAtOnce     = 4
)

// Listen is the address to listen on that a user means: HOST:PORT, or a port alone, which is on loopback.
func Listen(text string) (string, error) {
	host, port := "127.0.0.1", strings.TrimPrefix(text, ":")
	if i := strings.LastIndexByte(text, ':'); i > 0 {
		var err error
		if host, port, err = net.SplitHostPort(text); err != nil {
			return "", fmt.Errorf("%q is no address and port: want 9469, or 0.0.0.0:9469", text)
		}
	}
	if _, err := strconv.ParseUint(port, 10, 16); err != nil {
		return "", fmt.Errorf("%q has no port from 0 to 65535: want 9469, or 0.0.0.0:9469", text)
	}
	return net.JoinHostPort(host, port), nil
}

// server answers /metrics and /healthz.
type server struct {
	http  *http.Server
	ended chan error
}

// Serve serves the set for Prometheus until the set is closed. It returns the URL.
func (s *Set) Serve(text string) (string, error) {
	addr, err := Listen(text)
	if err != nil {
		return "", err
	}
	l, err := net.Listen("tcp", addr)
	if err != nil {
		return "", fmt.Errorf("serve metrics: %w", err)
	}
	p := newPrometheus(s)
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(p.registry, promhttp.HandlerOpts{
		EnableOpenMetrics: true, MaxRequestsInFlight: maxAtOnce, Registry: p.registry,
	}))
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		_, _ = io.WriteString(w, "ok\n")
	})
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		_, _ = io.WriteString(w, "<!doctype html><title>sallyport probe</title><a href=\"/metrics\">metrics</a>\n")
	})
	p.server = &server{ended: make(chan error, 1), http: &http.Server{
		Handler: mux, ReadHeaderTimeout: headerTimeout, ReadTimeout: headerTimeout, WriteTimeout: writeTimeout, IdleTimeout: idleTimeout, MaxHeaderBytes: maxHeader,
	}}
	go func() { p.server.ended <- p.server.http.Serve(netutil.LimitListener(l, maxConns)) }() // close ends it
	s.exporters = append(s.exporters, p)
	return "http://" + l.Addr().String() + "/metrics", nil
}

func (s *server) close() error {
	ctx, stop := context.WithTimeout(context.Background(), closeTimeout)
	defer stop()
	if s.http.Shutdown(ctx) != nil { // somebody does not let go
		_ = s.http.Close()
	}
	if err := <-s.ended; !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serve metrics: %w", err)
	}
	return nil
}
