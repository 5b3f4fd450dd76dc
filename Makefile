# All there is to do here; "make" lists it. The JDK is found by scripts/jdk.sh, the packages that are
# missing are installed by scripts/setup.sh.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help

# Further arguments for Maven, e.g. make test-quick MVN_ARGS='-Dtest=DhcpTest'
MVN_ARGS ?=
MVN = . scripts/jdk.sh && mvn -B -ntp -Dstyle.color=never $(MVN_ARGS)
setup = scripts/setup.sh
SEED ?= 1
WORLDS ?= 40
# Jazzer fuzzes one method in one process.
FUZZ_METHODS = 'FrameFuzzTest\#parseKeepsItsPromises' 'FrameFuzzTest\#extensionHeadersKeepTheirPromises' \
    'FrameFuzzTest\#segmentsKeepTheirPromises' 'TcpOptionsFuzzTest\#anyOptionsAreReadAsFarAsTheyAreGood' \
    'ReassemblerFuzzTest\#anyFragmentsKeepTheBounds' 'DhcpMessageFuzzTest\#anyBytesAreReadOrRefused' \
    'DhcpMessageFuzzTest\#anyOptionsAreReadOrRefused' 'NdpMessageFuzzTest\#anyBytesAreReadOrRefused' \
    'Dhcp6MessageFuzzTest\#anyBytesAreReadOrRefused' 'PasstPortsFuzzTest\#anyTextIsReadOrRefused' \
    'ForwardRulesFuzzTest\#anyTextIsReadOrRefused' 'TcpSegmentFuzzTest\#anySegmentsKeepTheOrder' \
    'RequestFuzzTest\#anyLineHasOneAnswer' 'VmiFuzzTest\#anyBytesAreAVmiOrRefused' \
    'DomainXmlFuzzTest\#anyBytesAreADomainOrRefused'

.PHONY: help build reproducible test-quick test demo demo-kubevirt bench-start bench-udp bench-stream bench-tap bench-forwards bench-syscalls bench-sidecar bench-jmh fuzz sim mutants format clean

help: ## this list
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1\t\2/p' Makefile | expand -t 22

build: ## compile and assemble target/passatelli (programs in bin/)
	@$(setup) build
	@$(MVN) -q package -DskipTests
	@. scripts/jdk.sh && scripts/assemble.sh

reproducible: ## build HEAD twice, in different places: the class files have to be the same
	@$(setup) build
	@. scripts/jdk.sh && scripts/reproducible.sh

test-quick: ## the tests that need neither root nor a network
	@$(setup) build
	@$(MVN) test

test: ## set up, build and run all tests: also those in namespaces and with guests (root)
	@$(setup) test
	@src/test/guest/build > /dev/null
	@$(MAKE) --no-print-directory build
	@$(MVN) test -Dtest.excluded=none

demo: ## a guest in QEMU gets its address from passt and reaches the network (root)
	@scripts/demo.sh

demo-kubevirt: ## a VM that real libvirt starts through the KubeVirt sidecar, without a cluster (root)
	@scripts/demo-kubevirt.sh

bench-start: ## how long it takes until passt serves, and how much memory it then has
	@$(setup) bench
	@$(MAKE) --no-print-directory build
	@. scripts/jdk.sh && scripts/bench-start.sh

bench-udp: ## UDP beside Debian's passt and pasta: datagrams per second, round trips, processor time (root)
	@$(setup) bench
	@$(MAKE) --no-print-directory build
	@. scripts/jdk.sh && scripts/bench-udp.sh

bench-stream: ## TCP on the stream socket beside Debian's passt; ROWS='PATTERN...' chooses rows (root)
	@$(setup) bench
	@$(MAKE) --no-print-directory build
	@. scripts/jdk.sh && scripts/bench-stream.sh

bench-tap: ## TCP over a TAP beside Debian's pasta and slirp4netns; ROWS='PATTERN...' chooses rows (root)
	@$(setup) bench
	@$(MAKE) --no-print-directory build
	@. scripts/jdk.sh && scripts/bench-tap.sh

bench-forwards: ## forwards of a running passt, and the memory of many ports beside Debian's passt (root)
	@$(setup) bench
	@$(MAKE) --no-print-directory build
	@. scripts/jdk.sh && scripts/bench-forwards.sh

bench-syscalls: ## system calls for each 64 KiB of TCP and for each exchange, counted by strace (root)
	@$(setup) bench
	@$(MAKE) --no-print-directory build
	@. scripts/jdk.sh && scripts/bench-syscalls.sh

bench-sidecar: ## the KubeVirt sidecar: start, answers on 200 millicores, memory, TCP; ROWS='PATTERN...' chooses rows (root)
	@$(setup) bench
	@$(MAKE) --no-print-directory build
	@. scripts/jdk.sh && scripts/bench-sidecar.sh

bench-jmh: ## microbenchmarks
	@$(setup) bench
	@$(MVN) verify -Pbench -DskipTests
	@python3 src/bench/python/jmh.py

fuzz: ## coverage-guided fuzzing of all that reads what guests, users and clients write, a minute each
	@$(setup) build
	@$(MVN) -q test-compile
	@for method in $(FUZZ_METHODS); do \
	    $(MVN) surefire:test -Pfuzz -Dtest="$$method"; \
	done

sim: ## scenarios and simulation alone; SEED=N begins with another seed, WORLDS=M takes so many
	@$(setup) build
	@$(MVN) test -Dtest.included=sim -Dtest.excluded=fuzz,long -Dsim.seed=$(SEED) -Dsim.worlds=$(WORLDS)

mutants: ## mistakes of a plane that the simulation of TCP has to find, in 10,000 worlds each
	@$(setup) build
	@$(MVN) test -Dtest=TcpMutantTest -Dtest.excluded=none -Dsim.mutants=10000

format: ## put the Java sources into shape
	@$(setup) build
	@$(MVN) -q spotless:apply

clean: ## remove target/
	@rm -rf target
