"""Which media two datasets share: a leak where one of them is a benchmark's test."""

from __future__ import annotations

from dataclasses import dataclass

from engine.catalogue import Catalogue

TEST_NAMES = (
    "mvbench", "tvbench", "dream", "video-mme", "videomme", "egoschema", "next-qa-val", "msvd-qa", "msrvtt-qa",
    "activitynet-qa", "longvideobench", "mlvu", "temporalbench", "vinoground",
)  # fmt: skip
_MEDIA_SQL = r"""
    create table shown as
    select distinct dataset, sample_id, is_test, is_made,
        lower(regexp_replace(regexp_replace(file, '^.*/', ''), '[.][A-Za-z0-9]{{2,4}}$', '')) as id
    from (
        select o.dataset, s.sample_id, coalesce(s.split = 'test', false) or {is_test} as is_test,
            o.format = 'amend' as is_made,
            unnest(list_concat(json_extract_string(s.messages, '$[*].content[*].video.video_file'),
                json_extract_string(s.messages, '$[*].content[*].image.image_file'))) as file
        from samples s join origins o using (sample_id)
    ) where file is not null and file <> ''
"""
"""The media of every sample by their names without folders and endings, lower case: that is how sets copy them."""


@dataclass(frozen=True)
class Overlap:
    """Two datasets and the media that both show. `is_leak`: one is a test, the other is not."""

    dataset: str
    other: str
    media: int
    samples: int
    is_leak: bool


def overlaps(catalogue: Catalogue, marked: str | None = None) -> list[Overlap]:
    """Pairs of datasets with media in common, leaks first; what `curate amend` made of another shares its media, and is
    listed only where it leaks. `marked`: a csv file for the training samples that leak."""
    tests = " or ".join(f"contains(lower(o.dataset), '{name}')" for name in TEST_NAMES)
    with catalogue.connect(memory_limit="1GB") as connection:
        connection.execute(_MEDIA_SQL.format(is_test=f"({tests})"))
        rows = connection.execute("""
            select a.dataset, b.dataset, count(distinct a.id), count(distinct a.sample_id), bool_or(b.is_test)
            from shown a join (select distinct dataset, id, is_test, is_made from shown) b on b.id = a.id
                and b.dataset <> a.dataset and (b.is_test or (a.dataset < b.dataset and not (a.is_made or b.is_made)))
            where not a.is_test group by 1, 2 order by 5 desc, 3 desc, 1, 2
        """).fetchall()
        if marked is not None:
            connection.execute(f"""
                copy (
                    select distinct a.dataset, a.sample_id, a.id as media, b.dataset as test
                    from shown a join shown b on b.id = a.id where b.is_test and not a.is_test order by all
                ) to '{marked.replace("'", "''")}' (format csv)
            """)
    return [Overlap(*row) for row in rows]
