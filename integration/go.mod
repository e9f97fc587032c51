module github.com/redlatch/redlatch/integration

go 1.26.0

require (
	github.com/Shopify/toxiproxy/v2 v2.12.0
	github.com/anishathalye/porcupine v1.3.1
	github.com/go-redis/redis v6.15.9+incompatible
	github.com/go-redis/redis/v7 v7.4.1
	github.com/go-redis/redis/v8 v8.11.5
	github.com/go-redsync/redsync/v4 v4.18.1
	github.com/gomodule/redigo v1.9.3
	github.com/ory/dockertest/v3 v3.12.0
	github.com/redis/go-redis/v9 v9.23.0
	github.com/redis/rueidis v1.0.79
	github.com/redis/rueidis/rueidiscompat v1.0.79
	github.com/redlatch/redlatch v0.1.0
	github.com/redlatch/redlatch/pool/goredis v0.1.0
	github.com/redlatch/redlatch/pool/rueidis v0.1.0
	github.com/redlatch/redlatch/pool/valkeygo v0.1.0
	github.com/redlatch/redlatch/redsync v0.1.0
	github.com/redlatch/redlatch/redsync/redis/goredis v0.1.0
	github.com/redlatch/redlatch/redsync/redis/goredis/v7 v7.0.0
	github.com/redlatch/redlatch/redsync/redis/goredis/v8 v8.0.0
	github.com/redlatch/redlatch/redsync/redis/goredis/v9 v9.0.0
	github.com/redlatch/redlatch/redsync/redis/rueidis v0.1.0
	github.com/rs/zerolog v1.33.0
	github.com/valkey-io/valkey-go v1.0.79
	golang.org/x/sys v0.48.0
)

require (
	dario.cat/mergo v1.0.0 // indirect
	github.com/Azure/go-ansiterm v0.0.0-20230124172434-306776ec8161 // indirect
	github.com/Microsoft/go-winio v0.6.2 // indirect
	github.com/Nvveen/Gotty v0.0.0-20120604004816-cd527374f1e5 // indirect
	github.com/beorn7/perks v1.0.1 // indirect
	github.com/cenkalti/backoff/v4 v4.3.0 // indirect
	github.com/cespare/xxhash/v2 v2.3.0 // indirect
	github.com/containerd/continuity v0.4.5 // indirect
	github.com/dgryski/go-rendezvous v0.0.0-20200823014737-9f7001d12a5f // indirect
	github.com/docker/cli v27.4.1+incompatible // indirect
	github.com/docker/docker v27.1.1+incompatible // indirect
	github.com/docker/go-connections v0.5.0 // indirect
	github.com/docker/go-units v0.5.0 // indirect
	github.com/go-viper/mapstructure/v2 v2.1.0 // indirect
	github.com/gogo/protobuf v1.3.2 // indirect
	github.com/google/shlex v0.0.0-20191202100458-e7afc7fbc510 // indirect
	github.com/gorilla/mux v1.8.1 // indirect
	github.com/klauspost/compress v1.17.11 // indirect
	github.com/mattn/go-colorable v0.1.13 // indirect
	github.com/mattn/go-isatty v0.0.20 // indirect
	github.com/moby/docker-image-spec v1.3.1 // indirect
	github.com/moby/sys/user v0.3.0 // indirect
	github.com/moby/term v0.5.0 // indirect
	github.com/munnerz/goautoneg v0.0.0-20191010083416-a7dc8b61c822 // indirect
	github.com/opencontainers/go-digest v1.0.0 // indirect
	github.com/opencontainers/image-spec v1.1.0 // indirect
	github.com/opencontainers/runc v1.2.3 // indirect
	github.com/pkg/errors v0.9.1 // indirect
	github.com/prometheus/client_golang v1.21.1 // indirect
	github.com/prometheus/client_model v0.6.1 // indirect
	github.com/prometheus/common v0.62.0 // indirect
	github.com/prometheus/procfs v0.15.1 // indirect
	github.com/rs/xid v1.5.0 // indirect
	github.com/sirupsen/logrus v1.9.3 // indirect
	github.com/xeipuuv/gojsonpointer v0.0.0-20190905194746-02993c407bfb // indirect
	github.com/xeipuuv/gojsonreference v0.0.0-20180127040603-bd5ef7bd5415 // indirect
	github.com/xeipuuv/gojsonschema v1.2.0 // indirect
	go.uber.org/atomic v1.12.0 // indirect
	google.golang.org/protobuf v1.36.1 // indirect
	gopkg.in/tomb.v1 v1.0.0-20141024135613-dd632973f1e7 // indirect
	gopkg.in/yaml.v2 v2.4.0 // indirect
)

replace (
	github.com/redlatch/redlatch => ../
	github.com/redlatch/redlatch/pool/goredis => ../pool/goredis
	github.com/redlatch/redlatch/pool/rueidis => ../pool/rueidis
	github.com/redlatch/redlatch/pool/valkeygo => ../pool/valkeygo
	github.com/redlatch/redlatch/redsync => ../redsync
	github.com/redlatch/redlatch/redsync/redis/goredis => ../redsync/redis/goredis
	github.com/redlatch/redlatch/redsync/redis/goredis/v7 => ../redsync/redis/goredis/v7
	github.com/redlatch/redlatch/redsync/redis/goredis/v8 => ../redsync/redis/goredis/v8
	github.com/redlatch/redlatch/redsync/redis/goredis/v9 => ../redsync/redis/goredis/v9
	github.com/redlatch/redlatch/redsync/redis/rueidis => ../redsync/redis/rueidis
	github.com/redlatch/redlatch/redsync/redis/valkeygo => ../redsync/redis/valkeygo
)
