# make demo: the whole stack in a lab on this machine.  make test: everything CI checks.
# The newest Python that runs: the newest Ansible wants 3.12, older ones 3.11. A command of pyenv may be there and not run.
PYTHON := $(or $(PYTHON),$(firstword $(foreach python,python3.14 python3.13 python3.12 python3.11,$(shell $(python) -c 'print("$(python)")' 2>/dev/null)) python3))
# What the shell has set for AWS, Ansible and languages is no part of a test or a demo.
unexport $(filter AWS_% ANSIBLE_% MOLECULE_% BOTO_% LC_% LANGUAGE,$(.VARIABLES))
export LC_ALL := C.UTF-8
export PATH := $(CURDIR)/.venv/bin:$(PATH)
export ANSIBLE_CONFIG := $(CURDIR)/ansible.cfg
export PYTHONDONTWRITEBYTECODE := 1
COLLECTION := build/collections/ansible_collections/redisops/monitoring
# The longest first, so that none of them is left alone at the end
SCENARIOS := verify site redis_exporter provision alertmanager grafana node_exporter prometheus aws
# What takes longer than a commit can wait for
LONG := e2e-archive e2e-yace e2e-rotation e2e-remote_storage e2e-clusters e2e-day_one e2e-awx e2e-doctor e2e-alerts e2e-quiet e2e-airgap e2e-campaign

.PHONY: help setup demo demo-down test test-all lint importer sanity unit e2e rules dashboards bench docs docs-site archive versions clean $(SCENARIOS:%=e2e-%) $(LONG)

help:
	@echo 'make demo       three Redis nodes and a monitoring host in containers, monitored by playbooks/site.yml'
	@echo 'make demo-down  removes every trace of the demo'
	@echo 'make test       lint, sanity, unit and e2e: what CI runs'
	@echo 'make lint | sanity | unit | e2e | e2e-<scenario>   its parts ($(SCENARIOS))'
	@echo 'make test-all   make test, and what takes hours: every job of AWX (e2e-awx), every fault found and fixed (e2e-doctor), every fault to its notification'
	@echo '                (e2e-alerts), quiet under load (e2e-quiet), secret and CA changed without a gap (e2e-rotation), the archive alone (e2e-archive),'
	@echo '                a pair that writes to a long-term storage (e2e-remote_storage), two clusters (e2e-clusters), runs killed and a pair broken (e2e-campaign),'
	@echo '                YACE itself where Go is at hand (e2e-yace)'
	@echo 'make rules      the alert rules with default thresholds, into build/rules/; FLAVOUR=mimir|amp|vmalert for the ruler of a store'
	@echo 'make dashboards the JSON of our Grafana dashboards, into roles/grafana/files/'
	@echo 'make bench      ratios against the peers, measured in one run'
	@echo 'make docs       role READMEs from their argument specs'
	@echo 'make docs-site  guides, runbooks and the pages of roles and plugins as HTML, into build/docs-site/html'
	@echo 'make archive    what Galaxy gets, into build/archive/'
	@echo 'make versions   the versions of meta/versions.yml into defaults, argument specs and docs'

# Tools and collections come from PyPI into .venv; the checkout is linked to where Ansible looks for collections.
.venv/.done: pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Python 3.11 or newer is needed: set PYTHON=/path/to/python3.11"; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' || { echo "The package python3-venv is missing: apt-get install python3-venv"; exit 1; }
	$(PYTHON) -m venv .venv
	.venv/bin/python -m pip install --quiet 'pip>=25.1'
	.venv/bin/python -m pip install --quiet --group dev
	$(if $(ANSIBLE),.venv/bin/python -m pip install --quiet '$(ANSIBLE)') # make unit ANSIBLE='ansible-core<2.18'
	touch $@

$(COLLECTION):
	mkdir -p $(dir $@)
	ln -sfn ../../../.. $@

setup: .venv/.done $(COLLECTION)

demo: setup
	python tests/lab/lab.py up demo --aws --bare
	set -e; . build/lab/demo/env; ansible-playbook -i build/lab/demo/inventory playbooks/site.yml
	python tests/lab/lab.py demo-info demo

demo-down: setup
	python tests/lab/lab.py down demo

# lint and sanity take one core each, the others both.
test: setup
	$(MAKE) --jobs=2 --output-sync=target lint sanity
	$(MAKE) unit
	$(MAKE) e2e

test-all: test
	$(MAKE) $(LONG)

lint: setup
	ruff check .
	ruff format --check .
	yamllint --strict .
	ansible-lint --strict
	antsibull-changelog lint
	$(MAKE) docs-site importer

# What Galaxy does with the archive. ansible-lint has run; flake8 has other opinions than ruff.
importer: archive
	cd build && GALAXY_IMPORTER_RUN_ANSIBLE_LINT=false GALAXY_IMPORTER_RUN_FLAKE8=false python -m galaxy_importer.main archive/*.tar.gz > importer.log 2>&1 \
	  && ! grep -E '^(ERROR|WARNING)' importer.log || { tail -20 importer.log; exit 1; }

sanity: setup
	python tests/tools/sanity.py

unit: setup
	python tests/tools/promtool.py
	python tests/tools/redis_server.py
	pytest --numprocesses=auto --dist=worksteal

# Scenarios mostly wait, each for a lab of its own, so two run side by side; each is printed when it has ended.
e2e: setup
	$(MAKE) --jobs=2 --output-sync=target $(SCENARIOS:%=e2e-%)

# A proxy is for what the lab downloads, see molecule/site/create.yml; its hosts are asked directly.
$(SCENARIOS:%=e2e-%) e2e-day_one e2e-awx e2e-rotation e2e-remote_storage e2e-clusters e2e-doctor: e2e-%: setup
	LAB_NO_PROXY="$$NO_PROXY" NO_PROXY='*' no_proxy='*' molecule test --scenario-name $*

e2e-alerts: setup
	python tests/lab/lab.py up alerts --aws
	python tests/e2e/alerts.py faults alerts; s=$$?; python tests/e2e/alerts.py table; python tests/lab/lab.py down alerts; exit $$s

e2e-quiet: setup
	python tests/lab/lab.py up quiet --aws
	python tests/e2e/alerts.py quiet quiet; s=$$?; python tests/e2e/alerts.py table; python tests/lab/lab.py down quiet; exit $$s

e2e-archive: archive
	python tests/lab/lab.py up archive --bare
	python tests/e2e/archive.py archive build/archive/*.tar.gz; s=$$?; python tests/lab/lab.py down archive; exit $$s

# Against a moto on loopback, without a lab.
e2e-yace: setup
	python tests/e2e/cloudwatch.py

e2e-airgap: setup
	python tests/lab/lab.py up airgap --bare
	python tests/e2e/airgap.py airgap; s=$$?; python tests/lab/lab.py down airgap; exit $$s

e2e-campaign: setup
	python tests/lab/lab.py up campaign --bare --monitoring 2
	python tests/e2e/campaign.py run campaign; s=$$?; python tests/e2e/campaign.py table || s=1; python tests/lab/lab.py down campaign; exit $$s

rules: setup
	python tests/tools/render_rules.py build/rules $(FLAVOUR:%=--flavour %)

dashboards: setup
	python -m dashboards

bench: setup
	set -e; for benchmark in tests/benchmarks/bench_*.py; do echo "== $$benchmark"; python $$benchmark; done

docs: setup
	python tests/tools/readme.py

docs-site: setup
	python tests/tools/docs_site.py

archive: setup
	rm -rf build/archive
	ansible-galaxy collection build --output-path build/archive

versions: setup
	python tests/tools/versions.py

clean: demo-down
	rm -rf build .venv
