package testhost

import (
	"fmt"
	"os"
)

// Where monitoring systems listen.
const (
	PortPrometheus = 9090
	PortOTLPHTTP   = 4318
	PortOTLPGRPC   = 4317
)

// Prometheus starts Debian's prometheus on loopback, which asks the targets (ADDRESS:PORT) for metrics every 500 ms, in protobuf with native histograms.
func Prometheus(h *Host, targets ...string) *Server {
	h.t.Helper()
	bin, dir := Need(h.t, "prometheus", "prometheus"), tempDir(h.t)
	lines := []string{"global:", "  scrape_interval: 500ms", "  scrape_timeout: 500ms", "scrape_configs:", "  - job_name: sallyport", "    static_configs:", "      - targets:"}
	for _, t := range targets {
		lines = append(lines, "          - "+t)
	}
	s := h.serve(nil, bin, "--config.file="+writeFile(h.t, dir, "prometheus.yml", 0o644, lines...), "--storage.tsdb.path="+dir+"/data",
		fmt.Sprintf("--web.listen-address=127.0.0.1:%d", PortPrometheus), "--enable-feature=native-histograms", "--log.level=warn")
	h.AwaitListen(s, PortPrometheus)
	return s
}

// OTLP starts the OpenTelemetry collector's receiver, by the program at path, which test/otlp builds, and skips the test where it isn't built. It
// writes each export as a line of JSON.
func OTLP(h *Host, path string) *Server {
	h.t.Helper()
	if _, err := os.Stat(path); err != nil {
		h.t.Skip("needs test/otlp: go -C test/otlp build -o otlp . (a minute)")
	}
	s := h.serve(nil, path, fmt.Sprintf("0.0.0.0:%d", PortOTLPHTTP), fmt.Sprintf("0.0.0.0:%d", PortOTLPGRPC))
	h.AwaitListen(s, PortOTLPHTTP, PortOTLPGRPC)
	return s
}
