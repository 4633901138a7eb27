package org.stateferry.repository;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.springframework.batch.core.BatchStatus;
import org.springframework.batch.core.job.JobExecution;
import org.springframework.batch.core.repository.JobRepository;
import org.stateferry.batch.ImportHome;
import org.stateferry.batch.TestImports;
import org.stateferry.importer.ImportIdentity;
import org.stateferry.importer.image.JournalFiles;
import org.stateferry.repository.ImportParameters.KnownRound;

class ImportParametersTest {
    @RegisterExtension
    static final ImportHome HOME = new ImportHome();

    private final JobRepository repository = HOME.context().jobRepository();

    @Test
    void anUnknownImportHasNoRound() {
        assertThat(ImportParameters.latestRound(repository, TestImports.identity(HOME.home(), "unknown")))
                .isEmpty();
    }

    @Test
    void theLatestRoundTellsItsLastStatus() {
        ImportIdentity identity = TestImports.identity(HOME.home(), "rounds");
        TestImports.execution(repository, ImportParameters.identifying(identity, 1), BatchStatus.COMPLETED);
        TestImports.execution(repository, ImportParameters.identifying(identity, 2), BatchStatus.FAILED);
        JobExecution last =
                TestImports.execution(repository, ImportParameters.identifying(identity, 2), BatchStatus.STOPPED);

        assertThat(ImportParameters.latestRound(repository, identity))
                .contains(new KnownRound(2, last.getJobInstance().getId(), BatchStatus.STOPPED));
    }

    @Test
    void ofManyRoundsTheLatestIsFoundWithFewQuestions() {
        ImportIdentity identity = TestImports.identity(HOME.home(), "every night");
        for (long rounds = 1; rounds <= 70; rounds++) {
            long id = repository
                    .createJobInstance(ImportParameters.JOB, ImportParameters.identifying(identity, rounds))
                    .getId();
            List<Long> asked = new ArrayList<>();

            assertThat(ImportParameters.latestRound(repository, ImportParameters.JOB, round -> {
                        asked.add(round);
                        return ImportParameters.identifying(identity, round);
                    }))
                    .contains(new KnownRound(rounds, id, null));
            assertThat(asked).hasSizeLessThanOrEqualTo(13);
        }
    }

    @Test
    void eachComponentMakesAnotherImport() {
        ImportIdentity identity = new ImportIdentity("home", Path.of("/i"), Path.of("/d"), "name", "print");
        TestImports.execution(repository, ImportParameters.identifying(identity, 1), BatchStatus.COMPLETED);

        assertThat(ImportParameters.latestRound(repository, identity)).isPresent();
        for (ImportIdentity other : new ImportIdentity[] {
            new ImportIdentity("hom", Path.of("/i"), Path.of("/d"), "name", "print"),
            new ImportIdentity("home", Path.of("/j"), Path.of("/d"), "name", "print"),
            new ImportIdentity("home", Path.of("/i"), Path.of("/e"), "name", "print"),
            new ImportIdentity("home", Path.of("/i"), Path.of("/d"), "Name", "print"),
            new ImportIdentity("home", Path.of("/i"), Path.of("/d"), "name", "print2"),
            new ImportIdentity("home", Path.of("/d"), Path.of("/i"), "name", "print"),
            new ImportIdentity("home", Path.of("/i"), Path.of("/d"), "name", "print", List.of(Path.of("/o")))
        }) {
            assertThat(ImportParameters.latestRound(repository, other))
                    .as(other.toString())
                    .isEmpty();
        }
    }

    @Test
    void otherDisksCountInAnyOrderAndAreFoundAgainInTheParameters() {
        List<Path> disks = List.of(Path.of("/b\n"), Path.of("/a,b"), Path.of("/c"));
        ImportIdentity identity = new ImportIdentity("home", Path.of("/i"), Path.of("/d"), "disks", "print", disks);
        TestImports.execution(repository, ImportParameters.identifying(identity, 1), BatchStatus.COMPLETED);

        ImportIdentity found = ImportParameters.identity(ImportParameters.identifying(identity, 1)::getString);

        assertThat(found).isEqualTo(identity);
        assertThat(found.otherDisks()).containsExactly(Path.of("/a,b"), Path.of("/b\n"), Path.of("/c"));
        ImportIdentity otherOrder = new ImportIdentity(
                "home",
                Path.of("/i"),
                Path.of("/d"),
                "disks",
                "print",
                List.of(disks.get(2), disks.get(0), disks.get(1)));
        assertThat(ImportParameters.latestRound(repository, otherOrder)).isPresent();
        assertThat(JournalFiles.importKey(otherOrder)).isEqualTo(JournalFiles.importKey(identity));
    }
}
