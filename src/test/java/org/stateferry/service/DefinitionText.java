package org.stateferry.service;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.function.UnaryOperator;
import org.stateferry.error.StateferryException;
import org.stateferry.importer.FileRoots;
import org.stateferry.service.definition.DefinitionMistake;

/** A valid definition, to be spoiled in one place, and how one is read. */
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

    /** Reads a definition that may name any file. */
    static JobDefinition read(Path file) throws StateferryException {
        List<DefinitionMistake> mistakes = new ArrayList<>();
        Optional<JobDefinition> definition =
                JobDefinitionReader.read(file, UnaryOperator.identity(), FileRoots.ANYWHERE, mistakes);
        if (definition.isEmpty()) {
            throw DefinitionMistake.failure(mistakes);
        }
        return definition.get();
    }
}
