# make run    starts a daemon, runs a pod from an image made here, shows it
# make stop   takes all of that away again
# make dist   installs command and service below PREFIX (/usr/local), without the sources; make deb makes a package of that
# make bench  berth beside Debian's containerd; BENCH="--quick …" hands options on (docs/benchmarks.md)
# make test   everything that CI runs; test-full adds the long loops; conformance runs critest,
#             kubelet a real kubelet, stargz a real stargz-snapshotter; test-guest all of test/e2e in guests with a
#             node's kernel (docs/guest.md), test-guest-short what test has of that; guest-shell gives a shell in one;
#             power-cuts cuts the power of a node 20 times, power-cuts-guest that of one that really boots again
#             (docs/power-cuts.md)
SHELL := /bin/sh
.DELETE_ON_ERROR:
.PHONY: install dist deb install-test install-guest check unit e2e test test-full test-guest \
  test-guest-short guest-shell \
  guest-node-packages guest-test-packages conformance conformance-guest kubelet stargz power-cuts power-cuts-guest bench run stop \
  clean

# What berth needs on a node, and what its tests need besides.
RUN_PACKAGES := crun runc conmon containernetworking-plugins iptables isal busybox-static \
  golang-github-containers-common iproute2 util-linux curl ca-certificates libatomic1
TEST_PACKAGES := containerd runsc catatonit docker-registry skopeo umoci podman buildah gpg gpg-agent gpgv apache2-utils openssl criu \
  nginx-light attr libcap2-bin socat sudo systemd dbus \
  xfsprogs btrfs-progs zfs-fuse e2fsprogs faketime apparmor tinyproxy-bin prometheus zsh fish python3-kubernetes
# What records the writes to a disk, for power cuts: not needed in guests.
POWER_PACKAGES := qemu-system-common
# What else a guest needs to be a node for every test, and what its machine needs on this side.
GUEST_SYSTEM_PACKAGES := dmsetup thin-provisioning-tools zfs-fuse xfsprogs btrfs-progs e2fsprogs attr socat
GUEST_PACKAGES := qemu-system-x86 mmdebstrap e2fsprogs
NPM_PACKAGES := $(if $(shell command -v npm),,nodejs npm)
KUBECTL_PACKAGE := $(if $(shell command -v kubectl),,kubernetes-client)

PREFIX := /usr/local
NODE := node_modules/.bin/node
STAMP := node_modules/.berth-installed
BUNDLE := .berth/command/start.cjs
export PATH := $(CURDIR)/node_modules/.bin:$(PATH)
# The tests start their own daemons; settings of the caller's must not reach them.
unexport BERTH_CONFIG BERTH_ENDPOINT BERTH_FAULT CONTAINER_RUNTIME_ENDPOINT

install:
	@packaging/dev/install-packages.sh $(RUN_PACKAGES) $(NPM_PACKAGES)
	@$(MAKE) --no-print-directory --silent $(BUNDLE)

# Installs what runs on a node, without the sources' types and what only development needs: PREFIX/lib/berth.
dist: install
	@packaging/install/install.sh "$(DESTDIR)" "$(PREFIX)"

# A Debian package of the same, in .berth.
deb: install
	@packaging/deb/build.sh "$(RUN_PACKAGES)"

install-test:
	@packaging/dev/install-packages.sh $(RUN_PACKAGES) $(TEST_PACKAGES) $(POWER_PACKAGES) $(NPM_PACKAGES) $(KUBECTL_PACKAGE)
	@$(MAKE) --no-print-directory --silent $(BUNDLE)

install-guest:
	@packaging/dev/install-packages.sh $(GUEST_PACKAGES) $(NPM_PACKAGES)
	@$(MAKE) --no-print-directory --silent $(BUNDLE)

$(STAMP): package-lock.json
	npm ci
	@touch $@

# The command in one compiled file, which starts faster than its sources; bin/berth runs them once they are newer.
$(BUNDLE): $(STAMP) $(shell find bin src packaging/install -name '*.ts' ! -name '*.test.ts')
	@$(NODE) --disable-warning=ExperimentalWarning packaging/install/bundle.ts

check: $(STAMP)
	npm run --silent check

unit: install-test
	npm run --silent test:unit

e2e: install-test
	npm run --silent test:e2e

test: install-test install-guest check
	npm run --silent test
	@$(MAKE) --no-print-directory test-guest-short

test-full: install-test check
	BERTH_TEST_FULL=1 BERTH_TEST_ZFS_FUSE=1 npm run --silent test

# CRITEST is the path of a critest 1.36 that was built elsewhere; conformance-guest runs it in a guest.
conformance-guest: install-guest
conformance conformance-guest: install-test
	@REGISTRY="$(REGISTRY)" IMAGES="$(IMAGES)" RUNTIME="$(RUNTIME)" HANDLERS="$(HANDLERS)" DRIVER="$(DRIVER)" \
	  FOCUS="$(FOCUS)" SKIP="$(SKIP)" PARALLEL="$(PARALLEL)" LOG="$(LOG)" test/conformance/run.sh "$(CRITEST)" $(subst conformance,run,$@) $(if $(filter %-guest,$@),$(GUEST))

# KUBELET is the path of a kubelet that was built elsewhere; GATES, as in EventedPLEG=true, are its feature gates.
kubelet: install-test
	@RUNTIME="$(RUNTIME)" GATES="$(GATES)" KUBELET_LOG="$(LOG)" test/kubelet/run.sh "$(KUBELET)"

# STARGZ is the path of a containerd-stargz-grpc that was built elsewhere: no package of Debian's has it.
stargz: install-test
	@test -x "$(STARGZ)" || { echo "make stargz STARGZ=/path/to/containerd-stargz-grpc" >&2; exit 2; }
	@BERTH_TEST_STARGZ="$(STARGZ)" $(NODE) --test src/snapshot/remote/*.test.ts test/e2e/lazy-images.test.ts

# CUTS, as in --cuts 20 --seed 1, is handed on.
power-cuts: install-test
	@$(NODE) --disable-warning=ExperimentalWarning test/power/cuts.ts $(CUTS)
power-cuts-guest: install-guest
	@$(NODE) --disable-warning=ExperimentalWarning test/power/guest-cuts.ts $(GUEST) $(CUTS)

# For test/guest, which asks what to install in there.
guest-node-packages:
	@echo $(RUN_PACKAGES) $(GUEST_SYSTEM_PACKAGES)
guest-test-packages:
	@echo $(RUN_PACKAGES) $(GUEST_SYSTEM_PACKAGES) $(TEST_PACKAGES) kubernetes-client

# TESTS are files, all of them unless given; GUEST, as in --guests 1, is handed on.
test-guest: install-guest
	@$(NODE) --disable-warning=ExperimentalWarning test/guest/suite.ts $(GUEST) $(TESTS)

test-guest-short: install-guest
	@$(NODE) --disable-warning=ExperimentalWarning test/guest/suite.ts --short $(GUEST)

guest-shell: install-guest
	@$(NODE) --disable-warning=ExperimentalWarning test/guest/run.ts --shell $(GUEST)

bench: install-test
	@$(NODE) --disable-warning=ExperimentalWarning bench/compare.ts $(BENCH)

run: install
	@packaging/dev/demo.sh up

stop:
	@packaging/dev/demo.sh down

clean:
	rm -rf node_modules .berth
