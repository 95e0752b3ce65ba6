// Package metrics tells monitoring systems what a watch sees: Prometheus, which asks for it, and receivers of OpenTelemetry's protocol (OTLP), to which
// it is sent. The number of series is bounded, whatever is watched.
package metrics
