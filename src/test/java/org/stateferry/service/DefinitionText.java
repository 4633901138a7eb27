package org.stateferry.service;

/** A valid definition, to be spoiled in one place. */
final class DefinitionText {
    static final String VALID = """
            dump: vm.dump
            image: vm.qcow2
            name: nightly-{yyyyMMdd}
            schedule:
              cron: "0 30 2 * * *"
              zone: Europe/Berlin
            options:
              format: plain
              io: direct
              strict: true
              allow-bitmaps: true
              no-lock: true
              verify: true
              limit-rate: 2K
            """;

    private DefinitionText() {}
}
