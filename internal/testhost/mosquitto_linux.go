package testhost

import "fmt"

// Where Mosquitto listens, and the same inside of TLS.
const (
	PortMQTT  = 1883
	PortMQTTS = 8883
)

// Mosquitto starts Debian's mosquitto, which lets nobody in without a user, and knows none; with a certificate of a's for these names.
func Mosquitto(h *Host, a *Authority, names ...string) *Server {
	h.t.Helper()
	bin, dir := Need(h.t, "mosquitto", "mosquitto"), tempDir(h.t)
	a.issue(h.t, dir, soonEnough(), names...)
	conf := writeFile(h.t, dir, "mosquitto.conf", 0o644,
		"user root", "allow_anonymous false", "persistence false", "log_dest stderr",
		fmt.Sprintf("listener %d 0.0.0.0", PortMQTT),
		fmt.Sprintf("listener %d 0.0.0.0", PortMQTTS), "certfile "+dir+"/cert.pem", "keyfile "+dir+"/key.pem")
	s := h.serve(nil, bin, "-c", conf)
	h.AwaitListen(s, PortMQTT, PortMQTTS)
	return s
}
