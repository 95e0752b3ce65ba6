package testhost

import (
	"fmt"
	"os"
	"path/filepath"
	"time"
)

// Where RabbitMQ listens: AMQP 0-9-1 and 1.0, the same inside of TLS, and MQTT.
const (
	PortAMQP       = 5672
	PortAMQPS      = 5671
	PortRabbitMQTT = 1893
)

// RabbitMQ starts Debian's rabbitmq-server, with a certificate of a's for these names. It takes some ten seconds.
func RabbitMQ(h *Host, a *Authority, names ...string) *Server {
	h.t.Helper()
	NeedFile(h.t, "/usr/lib/rabbitmq/bin/rabbitmq-server", "rabbitmq-server")
	epmd := Need(h.t, "epmd", "erlang-base")
	dir := tempDir(h.t)
	a.issue(h.t, dir, soonEnough(), names...)
	writeFile(h.t, dir, "rabbitmq.conf", 0o644,
		fmt.Sprintf("listeners.tcp.1 = 0.0.0.0:%d", PortAMQP), fmt.Sprintf("listeners.ssl.1 = 0.0.0.0:%d", PortAMQPS),
		"ssl_options.certfile = "+dir+"/cert.pem", "ssl_options.keyfile = "+dir+"/key.pem", "ssl_options.cacertfile = "+a.Path, "ssl_options.verify = verify_none",
		fmt.Sprintf("mqtt.listeners.tcp.1 = 0.0.0.0:%d", PortRabbitMQTT))
	writeFile(h.t, dir, "enabled_plugins", 0o644, "[rabbitmq_amqp1_0,rabbitmq_mqtt].")
	if err := os.WriteFile(filepath.Join(dir, ".erlang.cookie"), []byte("sallyport"), 0o400); err != nil {
		h.t.Fatal(err)
	}
	// The port mapper, which Erlang would start as a daemon that stays.
	h.AwaitListen(h.serve(nil, epmd, "-address", "127.0.0.1"), 4369)
	s := h.serve([]string{
		"env", "HOME=" + dir, "RABBITMQ_NODENAME=sallyport@localhost", "RABBITMQ_MNESIA_BASE=" + dir, "RABBITMQ_LOG_BASE=" + dir, "RABBITMQ_LOGS=-",
		"RABBITMQ_CONFIG_FILE=" + dir + "/rabbitmq", "RABBITMQ_ENABLED_PLUGINS_FILE=" + dir + "/enabled_plugins", "RABBITMQ_CONF_ENV_FILE=" + dir + "/none",
		"ERL_EPMD_ADDRESS=127.0.0.1", "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS=+S 1:1 +sbwt none",
	}, "/usr/lib/rabbitmq/bin/rabbitmq-server")
	h.awaitListen(s, 2*time.Minute, PortAMQP, PortAMQPS, PortRabbitMQTT)
	return s
}
