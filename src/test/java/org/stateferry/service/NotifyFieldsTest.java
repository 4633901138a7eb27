package org.stateferry.service;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.springframework.mock.env.MockEnvironment;
import org.stateferry.importer.FileRoots;
import org.stateferry.service.definition.DefinitionMistake;
import org.stateferry.service.notification.EventKind;
import org.stateferry.service.notification.NotifyRule;

/** What a definition says about who is told of it. */
class NotifyFieldsTest {
    @TempDir
    Path folder;

    private final List<DefinitionMistake> mistakes = new ArrayList<>();
    private final MockEnvironment settings =
            new MockEnvironment().withProperty("ops.hook", "https://example.org/t0ken");

    private Optional<JobDefinition> read(String notify) throws Exception {
        Path file = Files.writeString(
                folder.resolve("nightly.yaml"), "dump: a\nimage: b\nname: c\nnotify: " + notify + "\n");
        return JobDefinitionReader.read(
                file, text -> ServiceConfiguration.withSettings(text, settings), FileRoots.ANYWHERE, mistakes);
    }

    @Test
    void receiversAreNamedOrComeFromSettings() throws Exception {
        NotifyRule rule = read("{on: [failure, success], webhook: '${ops.hook}', mail: [a@example.org, b@example.org],"
                        + " ping: 'https://hc.example.org/key/{definition}'}")
                .orElseThrow()
                .notifyRule();

        assertThat(mistakes).isEmpty();
        assertThat(rule.on()).containsExactlyInAnyOrder(EventKind.FAILURE, EventKind.SUCCESS);
        assertThat(rule.webhooks()).singleElement().hasToString("https://example.org/t0ken");
        assertThat(rule.mail()).containsExactly("a@example.org", "b@example.org");
        assertThat(rule.pings()).singleElement().hasToString("https://hc.example.org/key/nightly");
    }

    @Test
    void withoutReceiversTheSettingsCountAndNobodyIsToldIfTheDefinitionSaysSo() throws Exception {
        assertThat(read("{}").orElseThrow().notifyRule()).isNull();
        assertThat(read("{enabled: false}").orElseThrow().notifyRule()).isEqualTo(NotifyRule.NONE);
        assertThat(mistakes).isEmpty();
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            quoteCharacter = '`',
            value = {
                "{on: [failures], mail: a@example.org} | line 4: 'notify.on': 'failures' is none of start, success",
                "{on: [test], mail: a@example.org} | line 4: 'notify.on': 'test' is none of",
                "{on: failure} | 'notify.on' needs one of 'notify.webhook'",
                "{webhook: 'ftp://t0ken.example.org'} | line 4: 'notify.webhook': the address must begin with https://",
                "{webhook: '${absent.t0ken}'} | line 4: 'notify.webhook': a setting that it names is not there",
                "{ping: 'https://u:t0ken@example.org'} | line 4: 'notify.ping': the address must have a host",
                "{mail: nobody} | line 4: 'notify.mail': 'nobody' ",
                "{mail: [a@example.org, 'b@@example.org']} | line 4: 'notify.mail': 'b@@example.org' is no mailbox",
                "{enabled: maybe} | line 4: 'notify.enabled': 'maybe' is neither true nor false",
                "{sms: 1} | line 4: 'notify.sms' is not a field of a definition",
                "{mail: [a@b,a@b,a@b,a@b,a@b,a@b,a@b,a@b,a@b,a@b,a@b]} | line 4: 'notify.mail' has more than 10 values",
            })
    void aMistakeIsToldWithItsLineAndFieldAndWithoutASecret(String notify, String problem) throws Exception {
        assertThat(read(notify)).isEmpty();
        assertThat(mistakes)
                .singleElement()
                .satisfies(mistake ->
                        assertThat(mistake.problem()).contains(problem).doesNotContain("t0ken"));
    }
}
